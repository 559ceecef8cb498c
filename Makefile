# Two commands: `make run` serves the whole funnel, `make test` proves it. Both set up what they need.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
BASE_URL ?= http://127.0.0.1:8000
# The rules for people; `make help` prints what stands behind each `##`.
.DEFAULT_GOAL := help
.PHONY: help run test check faults format smoke check-nginx openapi lock clean

help: ## This list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: $(VENV)/ready ## Serve everything on this machine, until Ctrl-C
	@exec $(BIN)/leadmagnet dev

test: $(VENV)/ready ## Run the tests, on a PostgreSQL of their own
	@$(BIN)/python -m pytest

check: $(VENV)/ready ## Format, lint, types, and whether openapi.yaml is what the code says
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/leadmagnet openapi | diff -u openapi.yaml - || { echo "openapi.yaml is out of date: make openapi"; exit 1; }

faults: $(VENV)/ready ## The fault campaign: kill, freeze, starve, restart; under ten minutes
	@PYTHONPATH=tests $(BIN)/python -m faults $(SCENARIOS)

format: $(VENV)/ready ## Put the code in its form
	@$(BIN)/ruff check --fix-only .
	@$(BIN)/ruff format .

smoke: ## The funnel with curl, against BASE_URL (and MAILBOX_URL)
	@sh tests/smoke.sh

check-nginx: $(VENV)/ready ## The proxy's promises, with a real nginx
	@$(BIN)/python -m pytest tests/nginx_check.py

openapi: $(VENV)/ready ## Write openapi.yaml from the code
	@$(BIN)/leadmagnet openapi --output openapi.yaml

lock: $(VENV)/ready ## Renew both locks; they name versions and hashes, no addresses
	@for extra in "" dev; do \
		$(BIN)/uv pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes \
			--no-emit-index-url --no-header $${extra:+--extra $$extra --constraint requirements.txt} \
			pyproject.toml --output-file requirements$${extra:+-$$extra}.txt; \
	done

clean: ## Remove the virtual environment and the data of `make run`
	@rm -rf $(VENV) .dev

$(VENV)/ready: requirements-dev.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or newer is needed, this is " + sys.version.split()[0] + ": make PYTHON=python3.12" if sys.version_info < (3, 11) else 0)'
	@echo "setting up $(VENV)"
	@$(PYTHON) -m venv --clear $(VENV)
	@$(BIN)/python -m pip install --quiet --quiet --disable-pip-version-check --require-hashes --only-binary :all: -r requirements-dev.txt
	@$(BIN)/python -m pip install --quiet --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

export BASE_URL
