# Everything a developer runs. Needs a Python from 3.11 on and a package index, nothing else.
# Written for GNU make 3.81 and later, which is what macOS has.

SHELL := /bin/sh
.DEFAULT_GOAL := help

VENV := .venv
ifeq ($(OS),Windows_NT)
BIN := $(VENV)/Scripts
else
BIN := $(VENV)/bin
endif
PY := $(BIN)/python
LOCK := requirements/dev.lock
# What only some kinds of signers need, in a folder of its own that their tests look into.
SIGNERS_LOCK := requirements/signers.lock
SIGNERS := $(VENV)/signers
# Touched by a complete installation, so that it is repeated only when the lock or the project's metadata changes.
STAMP := $(VENV)/.installed

# The newest Python that works. Each candidate is run, because one that is only on the PATH may still be a
# wrapper around nothing, or a system Python whose venv package is missing. Override with `make PYTHON=...`.
PYTHON ?= $(shell for candidate in python3.14 python3.13 python3.12 python3.11 python3 python; do \
	if $$candidate -c 'import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; \
	then echo $$candidate; break; fi; done)

# Tests start many interpreters: what the first of them compiles, the others read.
export PYTHONDONTWRITEBYTECODE :=

.PHONY: help demo test test-long fuzz bench docs lint format build lock clean

help: ## show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' Makefile

demo: $(STAMP) ## ship two versions of a real web package and watch a client follow
	$(PY) -m sealcast demo

# What a device trusts: all that verifies, fetches, reads packs, and keeps state. Every branch is tried on Linux, where
# everything is that the tests drive; lines for other systems say so (`pragma: no cover`). What is left below 100 is for
# branches that only a race reaches: a slow machine may miss one.
WHOLE := src/sealcast/files.py,src/sealcast/verify/*,src/sealcast/fetch/*,src/sealcast/client/*,src/sealcast/packs/*

test: lint ## lint, then run every test but the long ones, with the coverage gate
	$(PY) -m pytest -n auto --dist worksteal --cov --cov-report=term -rs
ifeq ($(shell uname -s),Linux)
	$(PY) -m coverage report --fail-under=99.8 --include='$(WHOLE)' --omit='src/sealcast/packs/build_*'
endif

test-long: $(STAMP) ## the tests that take minutes, and many more random examples
	HYPOTHESIS_PROFILE=long $(PY) -m pytest -n auto --dist worksteal -m "long or not long" -rs

# How long each parser is fuzzed.
SECONDS ?= 60
fuzz: $(STAMP) ## every parser with changed samples; SECONDS=60 for each
	$(PY) -m tests.fuzz --seconds $(SECONDS) $(ARGS)

bench: $(STAMP) ## measure us beside our peers; ARGS="--full", "--corpus ionic", "--help"
	$(PY) -m tests.benchmarks $(ARGS)

docs: $(STAMP) ## write docs/schemas and docs/reference again from the code
	$(PY) -m tests.generate_docs

lint: $(STAMP) ## ruff and mypy, changing nothing
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	$(PY) -m mypy --strict src

format: $(STAMP) ## let ruff mend what it can
	$(PY) -m ruff check --fix .
	$(PY) -m ruff format .

build: $(STAMP) ## the wheel and the source archive, in dist/
	$(PY) -m hatchling build -d dist

# Versions in the lock stay as they are, unless asked for: `make lock UPGRADE=--upgrade`.
COMPILE = $(PY) -m uv pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	--no-emit-find-links --custom-compile-command "make lock" --quiet $(UPGRADE)
# What both locks would name is in the first alone.
SHARED := cffi click cryptography pycparser typing-extensions urllib3

lock: $(STAMP) ## write requirements/dev.lock and signers.lock again from pyproject.toml
	$(COMPILE) pyproject.toml --group dev --extra publisher -o $(LOCK)
	$(COMPILE) --group signers -c $(LOCK) $(addprefix --no-emit-package ,$(SHARED)) -o $(SIGNERS_LOCK)

clean: ## remove the environment and everything built or cached
	rm -rf $(VENV) dist build htmlcov .coverage .coverage.* .mypy_cache .pytest_cache .ruff_cache .hypothesis

# Hashes are required for everything that comes from an index; the project itself is installed from here, with
# the build tool that the lock already brought.
$(STAMP): $(LOCK) $(SIGNERS_LOCK) pyproject.toml
	@test -n "$(PYTHON)" || { echo "Sealcast needs Python 3.11 or newer with its venv module, and none was found." \
		"Install one, or name it: make PYTHON=/path/to/python" >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit("Sealcast needs Python 3.11 or newer; $(PYTHON) is %d.%d." % sys.version_info[:2])'
	test -x $(PY) || $(PYTHON) -m venv $(VENV)
	$(PY) -m pip install --disable-pip-version-check --quiet --require-hashes -r $(LOCK)
	$(PY) -m pip install --disable-pip-version-check --quiet --no-deps --no-build-isolation -e .
	rm -rf $(SIGNERS)
	$(PY) -m pip install --disable-pip-version-check --quiet --require-hashes --no-deps --no-compile --target $(SIGNERS) -r $(SIGNERS_LOCK)
	@touch $(STAMP)
