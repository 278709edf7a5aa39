# stellate: everything runs in a private environment, .venv, made on first use from any Python >= 3.11.
#
#   make demo      outline the cells of the sample image; results in demo/
#   make test      run the tests              (PYTEST_ARGS="-k tiles -x" adds arguments)
#   make lint      style;  make types  types;  make layers  imports go downwards;  make check  all three
#   make docs      build the documentation into docs/_build/html
#   make clean     remove what was built (the environment too)
#
# Another interpreter: make demo PYTHON=/path/to/python3.12       Another folder: make demo VENV=/tmp/venv

VENV ?= .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
PYTEST_ARGS ?=
INSTALLING := "Installing stellate into $(VENV); the first time, this takes some minutes"

# stamps: newer than what the environment was installed from, so that a second run installs nothing
USER_STAMP := $(VENV)/.installed
DEV_STAMP := $(VENV)/.installed-dev
DOCS_STAMP := $(VENV)/.installed-docs

.PHONY: help demo test lint types layers check docs clean
.DEFAULT_GOAL := help

help:
	@sed -n '3,11s/^# \{0,1\}//p' Makefile

demo: $(USER_STAMP)
	$(BIN)/stellate demo --output demo

test: $(DEV_STAMP)
	$(BIN)/python -m pytest $(PYTEST_ARGS)

lint: $(DEV_STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(DEV_STAMP)
	$(BIN)/mypy

layers: $(DEV_STAMP)
	$(BIN)/lint-imports

check: lint types layers

docs: $(DOCS_STAMP)
	$(BIN)/python -m sphinx -W --keep-going -q docs docs/_build/html
	@echo "open docs/_build/html/index.html"

clean:
	rm -rf $(VENV) build dist demo docs/_build .pytest_cache .mypy_cache .ruff_cache .import_linter_cache

# an environment without pip is one whose making was interrupted
$(BIN)/python:
	@python=$$(PYTHON="$(PYTHON)" sh .ci/find-python) || exit 1; \
	echo "Making a private environment in $(VENV) with $$python"; \
	rm -rf "$(VENV)"; "$$python" -m venv "$(VENV)"

$(USER_STAMP): pyproject.toml constraints.txt | $(BIN)/python
	@echo $(INSTALLING)
	$(PIP) install --constraint constraints.txt --editable .
	@touch $@

$(DEV_STAMP): pyproject.toml constraints.txt | $(BIN)/python
	@echo $(INSTALLING)
	$(PIP) install --constraint constraints.txt --editable '.[dev]'
	@touch $@ $(USER_STAMP)

$(DOCS_STAMP): pyproject.toml constraints.txt | $(BIN)/python
	@echo $(INSTALLING)
	$(PIP) install --constraint constraints.txt --editable '.[docs]'
	@touch $@ $(USER_STAMP)
