# Two commands: `make run` serves the whole funnel, `make test` proves it. Both set up what they need.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
BASE_URL ?= http://127.0.0.1:8000
REQUESTS ?= 100000
SEED ?= 1
# The rules for people; `make help` prints what stands behind each `##`.
.DEFAULT_GOAL := help
.PHONY: help run site test bench check faults format smoke check-clients check-nginx check-pgbouncer check-alerts check-layer check-faults fuzz audit e2e openapi lint-openapi lock clean

help: ## This list
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  make %-15s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: $(VENV)/ready ## Serve everything on this machine, until Ctrl-C
	@exec $(BIN)/leadmagnet dev

site: $(VENV)/ready ## Serve the Nuxt site beside `make run`, until Ctrl-C; needs Node
	@exec sh scripts/site.sh

test: $(VENV)/ready ## Run the tests, on a PostgreSQL of their own
	@env -u PYTHONDONTWRITEBYTECODE $(BIN)/python -m pytest

bench: $(VENV)-bench/ready ## Measure, in a quarter of an hour; BENCH="speed --rounds 3" is a part
	@command -v wrk >/dev/null || if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
		apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends wrk; \
	else echo "wrk is missing: apt-get install wrk"; exit 1; fi
	@PYTHONPATH=src $(VENV)-bench/bin/python -m tests.bench $(BENCH)

check: $(VENV)/ready ## Format, lint, types, and whether openapi.yaml is what the code says
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/squawk --config .squawk.toml sql/migrations/*.sql
	@$(BIN)/cfn-lint --non-zero-exit-code informational deploy/aws/template.yaml
	@$(BIN)/leadmagnet openapi | diff -u openapi.yaml - || { echo "openapi.yaml is out of date: make openapi"; exit 1; }

faults: $(VENV)/ready ## The fault campaign: kill, freeze, starve, restart; a quarter of an hour
	@$(BIN)/python -m tests.faults $(SCENARIOS)

format: $(VENV)/ready ## Put the code in its form
	@$(BIN)/ruff check --fix-only .
	@$(BIN)/ruff format .

smoke: ## The funnel with curl, against BASE_URL (and MAILBOX_URL)
	@sh scripts/smoke.sh

check-faults: $(VENV)/ready ## A short version of each scenario of the campaign
	@$(BIN)/python -m pytest -n 2 tests/faults/*_check.py

check-clients: $(VENV)/ready ## That no client of gunicorn takes what others need, from two addresses
	@$(BIN)/python -m pytest -n 0 tests/server/clients_check.py

check-nginx: $(VENV)/ready ## The proxy's promises, with a real nginx
	@$(BIN)/python -m pytest -n 0 tests/nginx/nginx_check.py

check-pgbouncer: $(VENV)/ready ## The tests behind PgBouncer, a current one too
	@sh scripts/pgbouncer.sh

check-alerts: $(VENV)/ready ## Alerts and dashboard, with a real Prometheus that scrapes the API
	@$(BIN)/python -m pytest -n 0 -s tests/alerts/alerts_check.py

fuzz: $(VENV)/ready ## 100,000 requests of a fuzzer (REQUESTS, SEED), all checks, to processes of its own
	@$(BIN)/python -m tests.bench.fuzz $(REQUESTS) $(SEED)

audit: $(VENV)/ready ## Known vulnerabilities of the lock, as PyPI tells them; and the SBOM
	@mkdir -p dist
	@$(BIN)/cyclonedx-py requirements requirements.txt --pyproject pyproject.toml \
		--output-reproducible --of JSON -o dist/sbom.json
	@echo "the software bill of materials (CycloneDX) is in dist/sbom.json"
	@$(BIN)/pip-audit --strict --require-hashes --disable-pip --progress-spinner off \
		-r requirements.txt || { echo "NOT PASSED: either the above is vulnerable, or nobody could be asked about it"; exit 1; }

e2e: $(VENV)/ready ## The Nuxt site in a real browser, with pictures of every page
	@sh scripts/e2e.sh

check-layer: $(VENV)/ready ## A Nuxt app of nothing but the lines of docs/nuxt.md, in a real browser
	@sh scripts/e2e.sh layer

openapi: $(VENV)/ready ## Write openapi.yaml from the code
	@$(BIN)/leadmagnet openapi --output openapi.yaml

lint-openapi: tests/contract/openapi_lint/node_modules/ready ## Lint openapi.yaml with redocly and spectral; needs Node
	@cd tests/contract/openapi_lint && npm run --silent lint

lock: $(VENV)/ready ## Renew the locks; they name versions and hashes, no addresses
	@for extra in "" dev bench; do \
		$(BIN)/uv pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes \
			--no-emit-index-url --no-header $${extra:+--extra $$extra --constraint requirements.txt} \
			pyproject.toml --output-file requirements$${extra:+-$$extra}.txt; \
	done

clean: ## Remove what was installed and built, and the data of `make run`
	@rm -rf $(VENV) $(VENV)-bench .dev site/node_modules site/.nuxt site/.output tests/contract/openapi_lint/node_modules

tests/contract/openapi_lint/node_modules/ready: tests/contract/openapi_lint/package-lock.json
	@cd tests/contract/openapi_lint && npm ci --silent --ignore-scripts
	@touch $@

$(VENV)/ready: requirements-dev.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or newer is needed, this is " + sys.version.split()[0] + ": make run PYTHON=python3.12" if sys.version_info < (3, 11) else 0)'
	@echo "setting up $(VENV)"
	@$(PYTHON) -m venv --clear $(VENV)
	@$(BIN)/python -m pip install --quiet --quiet --disable-pip-version-check --require-hashes --only-binary :all: -r requirements-dev.txt
	@$(BIN)/python -m pip install --quiet --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)-bench/ready: requirements-bench.txt
	@echo "setting up $(VENV)-bench"
	@$(PYTHON) -m venv --clear $(VENV)-bench
	@$(VENV)-bench/bin/python -m pip install --quiet --quiet --disable-pip-version-check --require-hashes --only-binary :all: -r requirements-bench.txt
	@touch $@

export BASE_URL
