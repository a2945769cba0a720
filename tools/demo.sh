#!/usr/bin/env bash
# Show and run every command of docs/tutorial.md. `make demo` calls it.
set -euo pipefail
cd "$(dirname "$0")/.."
rm -rf demo
begun=$SECONDS
while IFS= read -r line; do
    printf '\n\033[1m$ %s\033[0m\n' "$line"
    eval "$line"
done < <(python tools/tutorial_commands.py)
printf '\nThe demo took %d seconds.\n' $((SECONDS - begun))
