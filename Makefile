# Every command sets up what it needs first: a virtual environment with all five distributions and the tools.
# It takes Python 3.11 or later with venv and pip, git and make.

VENV       ?= .venv
WORKERS    ?= 2
# Quick tests wait for processes and files as much as they compute.
AT_ONCE    ?= 4
BENCHMARKS ?= discovery cache plugins_hooks openai inspect
PYTHON     ?= $(shell for python in python3 python3.11 python3.12 python3.13 python3.14; do \
	$$python -c 'import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$python && break; done)

# What Python has compiled it finds again: without that, collecting the tests alone takes twice as long.
unexport PYTHONDONTWRITEBYTECODE

BIN           := $(VENV)/bin
READY         := $(VENV)/.ready
DISTRIBUTIONS := motools-core motools-openai motools-tinker motools-inspect motools-local
INPUTS        := constraints.txt pyproject.toml tools/install.py $(DISTRIBUTIONS:%=%/pyproject.toml)

.PHONY: help setup demo test check format docs bench dist constraints clean

help:  ## list the commands
	@awk -F ':.*##  *' '/^[a-z]+:.*##/ { printf "make %-13s %s\n", $$1, $$2 }' Makefile

setup: $(READY)  ## only set up

$(READY): $(INPUTS)
	@test -n "$(PYTHON)" || { echo "No Python 3.11 or later with venv and pip was found. Name one: make PYTHON=/path/to/python3"; exit 1; }
	$(PYTHON) tools/install.py $(VENV)
	@touch $@

demo: $(READY)  ## train the hello-world organism on this machine and evaluate it
	$(BIN)/motools demo

test: $(READY)  ## everything: checks, unit tests, training, evaluation, installation
	$(BIN)/python -m pytest -n $(WORKERS) --dist worksteal

check: $(READY)  ## the quick ones, in less than a minute: format, lint, types, unit tests
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	@$(MAKE) --no-print-directory --jobs=2 types quick

.PHONY: types quick
types: $(READY)
	$(BIN)/mypy

quick: $(READY)
	$(BIN)/python -m pytest -n $(AT_ONCE) --dist worksteal -m "not slow"

format: $(READY)  ## put the code into its format
	$(BIN)/ruff check --fix --exit-zero --quiet
	$(BIN)/ruff format

docs: $(READY)  ## build the documentation into site/; a warning is an error
	$(BIN)/python -m sphinx -q -W --keep-going -E -c docs . site

bench: $(READY)  ## run the benchmarks (BENCHMARKS names them)
	@for name in $(BENCHMARKS); do echo "== $$name"; $(BIN)/python benchmarks/$$name.py || exit 1; done

dist: $(READY)  ## build every distribution, as sdist and wheel, into dist/
	@for name in $(DISTRIBUTIONS); do \
		$(BIN)/uv build --quiet --build-constraints constraints.txt --out-dir dist $$name || exit 1; done
	@ls dist

constraints: $(READY)  ## pin again, keeping every pin that still fits (with UPGRADE=--upgrade: the newest of everything)
	@printf '%s\n' '-e ./motools-core[compare,testing]' '-e ./motools-openai[tokens]' $(DISTRIBUTIONS:%='-e ./%') | \
		UV_FIND_LINKS= $(BIN)/uv pip compile - --group pyproject.toml:dev --universal --python-version 3.11 $(UPGRADE) \
		--quiet --no-header --no-annotate $(DISTRIBUTIONS:%=--no-emit-package %) --output-file constraints.txt

clean:  ## remove all that was made here, the environment included
	rm -rf $(VENV) dist site .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
