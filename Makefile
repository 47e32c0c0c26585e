# `make help` says what there is. Everything is made inside this folder: .venv/ (Python and Node),
# ui/dist/ (the pages), var/ (what the application keeps), build/ and dist/ (packages).

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-builtin-rules

BIN := .venv/bin
NODE := PATH="$(CURDIR)/$(BIN):$$PATH"
VENV := .venv/made
PAGES := ui/dist/index.html
NODE_MODULES := ui/node_modules/.package-lock.json

PORT ?= 8000
CALLS ?= 200
#: more words for pytest: make test ARGS="-x tests/rules"
ARGS ?=

# $(call need,PROGRAM,HOW TO GET IT): stop with one line when PROGRAM is not on this machine
need = command -v $(1) >/dev/null || { echo "make: $(1) is missing: $(2)" >&2; exit 1; }
# $(call refuse,WHY): stop with one line
refuse = { echo "make: $(1)" >&2; exit 1; }
DEBIAN := as root on Debian run scripts/debian-packages

.PHONY: help
help: ## This list
	@sed -nE 's/^([a-z.-]+):[^#]*## (.*)/\1\t\2/p' $(MAKEFILE_LIST) | awk -F'\t' '{printf "  make %-12s %s\n", $$1, $$2}'

# --- To use it -----------------------------------------------------------------------------------

.PHONY: run demo asterisk twilio
run: $(VENV) $(PAGES) ## The application with simulated callers, on http://127.0.0.1:8000 (PORT=…)
	@mkdir -p var
	@PORT=$(PORT) $(BIN)/callcenter db upgrade
	@# Quiet, or the log of each request would push the passwords of the first start out of sight.
	@SIMULATOR=1 PORT=$(PORT) LOG_LEVEL=$${LOG_LEVEL:-warning} exec $(BIN)/callcenter serve

demo: $(VENV) $(PAGES) ## A believable day of simulated calls in var/, to look at afterwards (CALLS=200)
	@mkdir -p var
	@$(BIN)/callcenter db upgrade
	@$(BIN)/callcenter demo --calls $(CALLS)

asterisk: $(VENV) $(PAGES) ## The application wired to a real Asterisk here: SIP on 127.0.0.1:5060/udp
	@test "$$(id -u)" = 0 || $(call refuse,run me as root: Asterisk lives in a chroot)
	@PORT=$(PORT) exec scripts/serve-with-asterisk

twilio: $(VENV) $(PAGES) ## The application wired to a fake Twilio: telephones on http://127.0.0.1:8010
	@PORT=$(PORT) exec scripts/serve-with-twilio

# --- To work on it -------------------------------------------------------------------------------

.PHONY: test check fmt soak bench screenshots docs
test: $(VENV) $(PAGES) ## Every test (REQUIRE_ALL=1: none may be skipped; ARGS=… goes to pytest)
	@scripts/debian-packages || [ "$${REQUIRE_ALL:-0}" = 0 ]
	@# Three on two processors: those with telephones mostly wait.
	$(BIN)/python -m pytest -n 3 --dist loadscope $(ARGS)

check: $(VENV) $(NODE_MODULES) ## Lint, format, types, who imports whom: Python and TypeScript
	$(BIN)/ruff check --quiet
	$(BIN)/ruff format --check --quiet
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo
	cd ui && $(NODE) npx --no-install tsc --noEmit
	cd ui && $(NODE) npx --no-install biome check .

fmt: $(VENV) $(NODE_MODULES) ## Put everything into its house style
	$(BIN)/ruff check --quiet --fix-only
	$(BIN)/ruff format --quiet
	cd ui && $(NODE) npx --no-install biome check --write .

soak: $(VENV) $(PAGES) ## The long load runs
	@scripts/debian-packages || [ "$${REQUIRE_ALL:-0}" = 0 ]
	$(BIN)/python -m pytest -m soak --timeout=0 $(ARGS)

bench: $(VENV) $(PAGES) ## Measure this machine and print the figures
	@$(call need,sipp,$(DEBIAN))
	@$(BIN)/python -m bench

screenshots: $(VENV) $(PAGES) ## Pictures of all pages into docs/screenshots/
	@$(call need,chromium,$(DEBIAN))
	@$(BIN)/python scripts/screenshots.py

docs: $(VENV) ## Write anew what the documents take from the code
	@$(BIN)/python -m scripts.fill_docs

# --- What is made --------------------------------------------------------------------------------

.PHONY: .venv ui wheel lock clean
.venv: $(VENV) ## The environment: Python and Node packages as locked

$(VENV): requirements-dev.lock pyproject.toml scripts/link-node
	@$(call need,python3,on Debian apt-get install python3 python3-venv)
	@python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	    || $(call refuse,Python 3.11 or newer is needed and this is $$(python3 --version))
	@python3 -c 'import ensurepip' 2>/dev/null \
	    || $(call refuse,Python's venv module is missing: on Debian apt-get install python3-venv)
	test -x $(BIN)/python || python3 -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	scripts/link-node $(BIN)
	@touch $@

ui: $(PAGES) ## The pages, when their sources have changed

# Not `npm ci`: it refuses when a registry lacks a locked package's binaries for other systems (biome's
# on some mirrors). This installs the same locked versions, checks the same hashes, writes no lock.
$(NODE_MODULES): ui/package-lock.json | $(VENV)
	cd ui && $(NODE) npm install --no-save --ignore-scripts --loglevel=error
	@touch $@

$(PAGES): $(NODE_MODULES) $(shell find ui -path ui/node_modules -prune -o -path ui/dist -prune -o -path ui/tests -prune -o -type f -print)
	cd ui && $(NODE) npx --no-install vite build --logLevel warn
	@touch $@

wheel: $(VENV) $(PAGES) ## dist/callcenter-….whl: with pages, migrations and flows; needs no Node to install
	$(BIN)/hatchling build -t wheel -d dist

lock: ## Write the locks anew from pyproject.toml (scripts/lock --upgrade takes newer versions)
	scripts/lock

clean: ## Remove what was made, but not what the application keeps in var/
	rm -rf .venv build dist ui/dist ui/node_modules .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -prune -exec rm -rf {} +
