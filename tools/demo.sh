#!/usr/bin/env bash
# Show and run every command of docs/tutorial.md, then say what to look at next. `make demo` calls it.
#
# The photographs are the solar cells of the package elpv-dataset: a real inspection task, with 2,624 images that a package
# index carries under a licence that can be named. `--fine-tune none` keeps the demo short. `--min-precision 0.9` answers
# most images; at the default of 0.95, the few hundred validation images leave many of them unknown.
set -euo pipefail
cd "$(dirname "$0")/.."
rm -rf demo
begun=$SECONDS
echo 'Train a model on photographs of solar cells, run the daemon over others, and query its answers: one to four minutes.'
while IFS= read -r line; do
    printf '\n\033[1m$ %s\033[0m\n' "$line"
    eval "$line"
done < <(python tools/tutorial_commands.py)
printf '\nThe demo took %d seconds. Look next at:\n' $((SECONDS - begun))
printf '  %-16s %s\n' \
    'the results:' "$(command -v edgecls) serve --db demo/results.db --open" \
    'the report:' "$PWD/demo/report/report.html" \
    'what comes next:' 'docs/tutorial.md, from section 6 on'
