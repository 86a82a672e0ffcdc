# The one door: `make` lists what there is. Everything sets up what it needs first.

PYTHON := .venv/bin/python
PYTEST := .venv/bin/pytest
SPECTRAL := .local/spectral/node_modules/.bin/spectral
ARGS ?=
# Test files that run beside one another, each worker with servers of its own. Two workers wait for
# their servers a sixth of the time, so a third fills two cores.
WORKERS ?= 3
BESIDE = $(PYTEST) -n $(WORKERS) --dist loadfile
# Folders with the longest files first: else a worker ends with a long one, and the others wait.
LONGEST = tests/e2e tests/faults tests/browser
SERVED = --no-loadscope-reorder $(LONGEST) $(filter-out $(LONGEST) $(addprefix tests/,unit contract support examples) %.py %__pycache__,$(wildcard tests/*))
# Tests that bound a time, or a memory that grows in time, run alone, afterwards.

# With it every process compiles every test and every module anew.
unexport PYTHONDONTWRITEBYTECODE

# Halves of the quick tests, equally long. Workers of pytest-xdist would each collect all of them, which takes longer.
ONE_HALF = $(addprefix tests/unit/,router deliverer archiver cli deploy)
OTHER_HALF = tests/contract $(filter-out $(ONE_HALF) %.py %__pycache__,$(wildcard tests/unit/*))
HALVES = printf '%s\n' "$(ONE_HALF)" "$(OTHER_HALF)" | xargs -P 2 -L 1 $(PYTEST) -p no:schemathesis
# Lengths of the fault runs in `make thorough`; CONTRIBUTING.md says what each one counts.
LONG_RUNS = POSTKAMER_TEST_OVERLOAD_SECONDS=60 POSTKAMER_TEST_SEND_KILLS=300 \
	POSTKAMER_TEST_ROUTER_STRIKES=100 POSTKAMER_TEST_ROUTER_MESSAGES=200000 \
	POSTKAMER_TEST_ARCHIVER_MESSAGES=50000 POSTKAMER_TEST_ARCHIVER_KILLS=300 \
	POSTKAMER_TEST_DESK_KILLS=300 POSTKAMER_TEST_DESK_ANSWER_KILLS=40 FUZZ_INPUTS=100000

.DEFAULT_GOAL := help
.PHONY: help run unit test thorough check bench faults openklant fuzz restore-proof upgrade-proof pictures danger-model sbom advisories setup format lint types imports unused clean

help: ## list these commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: ## start everything on this machine, with private servers; Ctrl-C stops it
	@deploy/setup.sh servers runtime $(if $(filter yes,$(POSTKAMER_PROMETHEUS)),prometheus)
	@exec setpriv --pdeathsig TERM $(PYTHON) -m deploy.local

unit: ## run the quick unit and contract tests, without servers, in seconds
	@deploy/setup.sh tools
	@$(HALVES) -q -m "not slow" $(ARGS)

test: ## run all tests against real servers, seeded and short (ARGS="-k words" for some)
	@deploy/setup.sh servers scanner browser paper token clock alarms proxy units generator tools
	@deploy/setup.sh provider || true # without it, a test of the desk is skipped
	@deploy/setup.sh charts || true # without it, the tests of the chart are skipped
	@deploy/setup.sh copies || true # without it, tests of fetched back-ups are skipped
	@$(if $(ARGS),$(BESIDE) $(ARGS),failed=0; \
	    $(HALVES) -m "not long" || failed=1; \
	    $(BESIDE) -m "not alone and not long" $(SERVED) || failed=1; \
	    $(PYTEST) -m "alone and not long" tests/faults || failed=1; \
	    exit $$failed)

thorough: ## run all tests at full length, with new examples and long fault runs: hours, before a release
	@deploy/setup.sh servers scanner browser paper token clock alarms proxy units generator tools
	@deploy/setup.sh provider || true # without it, a test of the desk is skipped
	@deploy/setup.sh charts || true # without it, the tests of the chart are skipped
	@deploy/setup.sh copies || true # without it, tests of fetched back-ups are skipped
	@POSTKAMER_TEST_PRIVACY_MESSAGES=5000 $(BESIDE) --hypothesis-profile=thorough --ignore=tests/faults --ignore=tests/fuzz $(ARGS)
	@$(LONG_RUNS) $(PYTEST) --hypothesis-profile=thorough --timeout=7200 tests/faults tests/fuzz $(ARGS)

check: ## format, lint, types, import rules, dead dependencies, rules of the house, known vulnerabilities, API documents
	@deploy/setup.sh tools spectral
	.venv/bin/ruff format --check .
	.venv/bin/ruff check .
	.venv/bin/mypy
	.venv/bin/lint-imports importlinter.toml
	.venv/bin/deptry .
	$(PYTHON) -m deploy.house_rules
	@$(PYTHON) -m deploy.supply_chain.audit
	@$(PYTHON) -m deploy.api_documents .local/api
	$(SPECTRAL) lint --fail-severity warn --fail-on-unmatched-globs --ruleset deploy/api_design_rules.yaml \
	    .local/api/gateway.json .local/api/router.json .local/api/archiver.json

bench: ## measure throughput and latency; fails if a target is missed (ARGS="--report-only" does not)
	@deploy/setup.sh servers load tools
	@deploy/setup.sh faststream || true # without it, the trip is compared with one peer less
	@$(PYTHON) -m bench $(ARGS)

faults: ## break things on purpose and count what is lost (nothing)
	@deploy/setup.sh servers scanner tools
	@$(PYTEST) tests/faults $(ARGS)

openklant: ## hand over to a real Open Klant (OPENKLANT_URL=https://.../klantinteracties/api/v1 OPENKLANT_TOKEN=...)
	@deploy/setup.sh servers tools
	@if [ -z "$$OPENKLANT_URL" ]; then echo "Skipped: OPENKLANT_URL and OPENKLANT_TOKEN say which Open Klant."; \
	    else $(PYTEST) tests/integration/openklant tests/contract/openklant/test_ita.py $(ARGS); fi

fuzz: ## send 100,000 odd webhooks and API calls to a real installation (FUZZ_INPUTS=n for others)
	@deploy/setup.sh servers tools
	@FUZZ_INPUTS=$${FUZZ_INPUTS:-100000} $(PYTEST) -s tests/fuzz $(ARGS)

restore-proof: ## lose a machine amid traffic, restore an empty one from its back-up, print the times
	@deploy/setup.sh servers tools
	@POSTKAMER_TEST_RESTORE_MESSAGES=$${POSTKAMER_TEST_RESTORE_MESSAGES:-100} $(PYTEST) -s --timeout=600 tests/e2e/test_restored_machine.py $(ARGS)

upgrade-proof: ## update a town amid traffic, service by service, and back, print the times (FROM=tag or commit)
	@deploy/setup.sh servers tools
	@POSTKAMER_TEST_UPGRADE_FROM="$(FROM)" $(PYTEST) -s tests/faults/test_upgrade.py $(ARGS)

pictures: ## make the pictures of desk, transcripts and report in docs/images anew (ARGS="--whole folder" also saves whole pages)
	@deploy/setup.sh servers browser clock paper tools
	@$(PYTHON) -m tests.support.browser.desk_pictures $(ARGS)
	@$(PYTHON) -m tests.support.browser.transcript_pictures
	@$(PYTHON) -m tests.support.browser.report_pictures

danger-model: ## train the scorer of weak signs on its table anew, and print its figures
	@deploy/setup.sh tools
	@$(PYTHON) -m deploy.danger

sbom: ## make the wheel of the last commit, its bill of materials and its provenance: .local/release
	@deploy/setup.sh tools
	@$(PYTHON) -m deploy.supply_chain.release .local/release

advisories: ## copy the known vulnerabilities of our packages, for machines without a network (FROM=all.zip)
	@deploy/setup.sh tools
	@$(PYTHON) -m deploy.supply_chain.advisory_copy "$(FROM)"

setup: ## install what the above need, without running anything
	@deploy/setup.sh servers scanner browser paper token clock alarms proxy units generator tools spectral provider charts

format: ## put the code in its one form
	@deploy/setup.sh tools
	.venv/bin/ruff format .
	.venv/bin/ruff check --fix .

clean: ## remove what these commands made: .venv, .local with all its data, caches
	@if [ -e .local/lock ] && ! flock --nonblock .local/lock true; then \
	    echo "It is running (process $$(cat .local/lock)); stop it first."; exit 1; fi
	rm -rf .venv .local .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
