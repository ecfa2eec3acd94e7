# Two commands are enough: `make run` and `make test`. `make help` lists the others.
VENV ?= .venv
BIN := $(VENV)/bin
PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { echo $$p; break; }; done)
# The tests of one file run in one process, so that their shared fixtures are built once.
PYTEST := $(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder
EMULATOR := $(VENV)/emulator
PIP := $(BIN)/python -m pip --quiet --disable-pip-version-check

# A comma, which would end an argument of `call`.
, := ,

# Install into the environment of the Python $(1) what $(2) says. uv takes seconds where pip takes minutes. It reads no
# settings of pip, so an index that pip is given is passed on. Where uv can't be had or fails, pip installs the same.
define install
	@index=$$($(PIP) config list | sed -n "s/^[^=]*[.]index-url='\(.*\)'$$/\1/p" | tail -n 1); \
	if test -n "$$index" && test -z "$$UV_DEFAULT_INDEX"; then export UV_DEFAULT_INDEX="$$index"; fi; \
	{ test -x $(BIN)/uv || $(PIP) install --constraint constraints.txt uv; } \
		&& $(BIN)/uv pip install --quiet --python $(1) $(2) \
		|| { echo "uv did not install it, so pip does, which takes minutes ..."; $(PIP) --python $(1) install $(2); }
endef

.PHONY: help run test test-all test-deep emulator lint docs ui dashboard up-mssql clean
.DEFAULT_GOAL := help

help: ## print this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

run: $(VENV)/.installed ## install, then bring everything up to date: company, source, raw, marts, models, page
	@$(BIN)/saas-platform run

test: $(VENV)/.installed-dev ## install, then run the fast tests
	@$(PYTEST) -m "not slow"

test-all: $(VENV)/.installed-dev emulator ## install, then run all tests, the slow ones too
	@$(PYTEST)

test-deep: $(VENV)/.installed-dev emulator ## install, then run the tests that draw their cases at random, with 25 times as many
	@SAAS_TEST_DEEP=25 $(PYTEST) -m "hypothesis or draws"

emulator: $(EMULATOR)/.installed ## install the BigQuery emulator that the slow tests start

lint: $(VENV)/.installed-dev ## check style, prose, types, the Dagster definitions and Terraform
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/codespell
	$(BIN)/mypy
	$(BIN)/dagster definitions validate -w workspace.yaml
	deploy/terraform/check

docs: $(VENV)/.installed ## write docs/column-lineage.md from the dbt models
	@$(BIN)/python -m saas_platform.dbt_runner > docs/column-lineage.md.new
	@mv docs/column-lineage.md.new docs/column-lineage.md

ui: $(VENV)/.installed ## start the Dagster UI on your SAAS_HOME, at http://127.0.0.1:3000
	@DAGSTER_HOME="$$($(BIN)/python -m saas_platform.defs.instance)" && export DAGSTER_HOME \
		&& PATH="$(abspath $(BIN)):$$PATH" $(BIN)/dagster dev -w workspace.yaml

dashboard: $(VENV)/.installed ## serve the built page and open it
	@$(BIN)/saas-platform dashboard --open

up-mssql: ## start SQL Server in a container and run the platform against it (docs/sql-server.md)
	docker compose -f deploy/compose.yaml run --build --rm platform

clean: ## remove the environment; the data in SAAS_HOME stays (`saas-platform reset` drops it)
	rm -rf $(VENV)

$(VENV)/bin/python:
	@test -n "$(PYTHON)" || { echo "No Python 3.11 or newer was found. Install one, or name it: make run PYTHON=/path/to/python3"; exit 1; }
	@echo "Creating the environment $(VENV) ..."
	@$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: $(VENV)/bin/python pyproject.toml constraints.txt
	@echo "Installing ..."
	$(call install,$(BIN)/python,--constraint constraints.txt --editable .)
	@touch $@

$(VENV)/.installed-dev: $(VENV)/.installed
	@echo "Installing what the tests need ..."
	$(call install,$(BIN)/python,--constraint constraints.txt --editable '.[bigquery$(,)dev]')
	@touch $@

$(EMULATOR)/.installed: saas_platform_tests/emulator/requirements.txt $(VENV)/bin/python
	@echo "Installing the BigQuery emulator ..."
	@$(PYTHON) -m venv --without-pip $(EMULATOR)
	$(call install,$(EMULATOR)/bin/python,--requirement $<)
	@$(EMULATOR)/bin/python saas_platform_tests/emulator/install_extension.py $(EMULATOR)/home
	@HOME="$(abspath $(EMULATOR))/home" $(EMULATOR)/bin/python saas_platform_tests/emulator/compiled.py
	@touch $@
