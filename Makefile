# `make help` says what there is. Everything is made inside this folder: .venv/ (Python and Node),
# ui/dist/ (the pages), var/ (what the application keeps), build/ and dist/ (packages).

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

BIN := .venv/bin

.venv: .venv/made

.venv/made: requirements-dev.lock pyproject.toml scripts/link-node
	@test -x "$$(command -v python3)" || { echo "make: python3 is missing" >&2; exit 1; }
	@python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	    || { echo "make: Python 3.11 or newer is needed, this is $$(python3 --version)" >&2; exit 1; }
	@python3 -c 'import ensurepip, venv' 2>/dev/null \
	    || { echo "make: Python's venv is missing (on Debian: apt-get install python3-venv)" >&2; exit 1; }
	test -x $(BIN)/python || python3 -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	scripts/link-node $(BIN)
	@touch $@

.PHONY: .venv
