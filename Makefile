# Each target sets up what it needs, from nothing.
PYTHON ?= python3
VENV := .venv

.PHONY: demo check test docs reference faults model lab lab-short clean

demo: $(VENV)/demo.installed  ## fine-tune on real photographs, run the daemon over unseen ones, ask what it saw
	PATH="$(CURDIR)/$(VENV)/bin:$$PATH" bash tools/demo.sh

check: $(VENV)/dev.installed  ## lint, types, layers and the quick tests: a minute and a half
	$(VENV)/bin/ruff check
	$(VENV)/bin/ruff format --check
	$(VENV)/bin/mypy
	$(VENV)/bin/pytest -q -n auto --dist loadfile -m "not slow"

test: $(VENV)/nox.installed  ## lint, types, and all tests, under each Python that is here
	$(VENV)/bin/nox

docs: $(VENV)/docs.installed  ## build the documentation site and open it
	$(VENV)/bin/sphinx-build -W --keep-going -q docs build/docs
	$(VENV)/bin/python -m webbrowser build/docs/index.html

reference: $(VENV)/docs.installed  ## write the pages that are generated from the code
	$(VENV)/bin/python tools/cli_page.py --write
	$(VENV)/bin/python tools/configuration_page.py --write

faults: $(VENV)/nox.installed  ## kill -9, full disks, lost cameras and the like, as often as docs/experiments/faults.md says; root, over ten minutes
	$(VENV)/bin/nox -s faults

model: $(VENV)/demo.installed  ## rebuild the ImageNet model in models/
	$(VENV)/bin/python tools/build_imagenet_model.py

lab: $(VENV)/lab.installed  ## edgecls on an emulated arm64 Debian: all that only a device can show; root, over half an hour
	$(VENV)/bin/python tools/device-lab --report build/device-lab.md

lab-short: $(VENV)/lab.installed  ## the same in minutes: service, folder, hang, kill, one power cut
	$(VENV)/bin/python tools/device-lab --short --report build/device-lab-short.md

clean:
	rm -rf $(VENV) .nox demo build dist

# On Debian without python3-venv this fails half-way: what it leaves has an interpreter and no pip, and would be kept.
$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); exit 1; }

$(VENV)/demo.installed: $(VENV)/bin/python pyproject.toml
	$(VENV)/bin/python -m pip install --quiet --editable '.[convert,demo,serve]'
	touch $@

$(VENV)/dev.installed: $(VENV)/bin/python pyproject.toml
	$(VENV)/bin/python -m pip install --quiet --editable '.[convert,search,demo,serve,dev]'
	touch $@

$(VENV)/docs.installed: $(VENV)/bin/python pyproject.toml
	$(VENV)/bin/python -m pip install --quiet --editable '.[docs]'
	touch $@

$(VENV)/lab.installed: $(VENV)/bin/python pyproject.toml
	$(VENV)/bin/python -m pip install --quiet --editable .
	touch $@

$(VENV)/nox.installed: $(VENV)/bin/python
	$(VENV)/bin/python -m pip install --quiet nox
	touch $@
