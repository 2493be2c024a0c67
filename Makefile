# Everything that Paperround needs comes into .venv; PIP_* variables reach pip as they are.
PYTHON ?= $(firstword $(foreach name,python3 python3.14 python3.13 python3.12 python3.11,$(shell \
	command -v $(name) >/dev/null && $(name) -c 'import sys; sys.exit(sys.version_info < (3, 11))' && echo $(name))))
BIN := .venv/bin
PIP := $(BIN)/python -m pip install --disable-pip-version-check --quiet --constraint constraints.txt
COMPILE := .venv-tools/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-annotate \
	--custom-compile-command 'make lock' --constraint constraints.txt
WORKERS ?= 2

.PHONY: help run test test-infinity lint format lock catalogues sbom audit bench bench-ingest bench-search bench-digests torture torture-digests fuzz test-hosts bench-hosts check-image check-compose bench-relevance bench-matching bench-formulas bench-pages screenshots clean
.DEFAULT_GOAL := help

help: ## what can be made
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 16

run: .venv/.installed ## set everything up and serve http://127.0.0.1:8000
	@exec $(BIN)/paperround up

test: .venv/.installed-dev lint ## lint, types, architecture and all tests
	$(BIN)/python -m pytest -n $(WORKERS) --dist worksteal $(TESTS)

test-infinity: .venv/.installed-dev .venv-infinity/.installed ## Paperround with Infinity, a server of embeddings that isn't ours
	$(BIN)/python -m pytest tests/embeddings/test_foreign_server.py

lint: .venv/.installed-dev ## ruff, mypy, import-linter, dead code
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	MYPYPATH=benchmarks $(BIN)/mypy benchmarks docs/screenshots
	$(BIN)/lint-imports
	$(BIN)/vulture

format: .venv/.installed-dev ## put the code into its one form
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

catalogues: .venv/.installed-dev ## bring the catalogues of messages up to date with the sources; NEW=fr begins one
	$(BIN)/python -m paperround.i18n.extraction $(NEW)

bench: .venv/.installed-dev ## every figure beside its baseline, in one table (FAST=1: a smoke run; ONLY="growth morning")
	$(BIN)/python benchmarks/bench.py $(if $(FAST),--fast) $(ONLY)

bench-ingest: .venv/.installed-dev ## papers a second taken in, against the bare reading of the same answers
	$(BIN)/python benchmarks/ingest.py $(DATA)

bench-search: .venv/.installed-dev ## how well search ranks (RELEVANCE=folder), and vectors and pages at 100,000 papers (DATA=folder)
	$(BIN)/python benchmarks/search.py $(RELEVANCE)
	$(BIN)/python benchmarks/vectors.py $(DATA)

bench-relevance: .venv/.installed-dev ## how well papers match topics, against what others do (DATA=folder)
	$(BIN)/python benchmarks/relevance.py $(DATA)

bench-formulas: .venv/.installed-dev ## how many recorded formulas become valid MathML (DATA="folder folder")
	$(BIN)/python benchmarks/formulas.py $(DATA)

bench-matching: .venv/.installed-dev ## a day's papers with 100,000 topics, against a query a topic (DATA=folder)
	$(BIN)/python benchmarks/matching.py $(DATA)

bench-pages: .venv/.installed-dev ## how fast the pages of a running site are on a slow phone (SITE=http://127.0.0.1:8000)
	$(BIN)/python benchmarks/pages.py $(SITE)

screenshots: .venv/.installed-dev ## take the pictures of the docs again, from the sample edition; all pages, signed in too, into SHOTS=folder
	$(BIN)/python docs/screenshots/take.py $(SHOTS)

bench-digests: .venv/.installed-dev ## digests a second, against a bare loop that sends ready-made messages
	$(BIN)/python benchmarks/digests.py

torture-digests: .venv/.installed-dev ## 10,000 digests while senders are killed and the mail server restarts
	TORTURE=10000 $(BIN)/python -m pytest -s tests/digests/test_torture.py

torture: .venv/.installed-dev ## random faults of every kind for MINUTES=20, the invariants after each round (SEED= repeats a run)
	PYTHONPATH=tests $(BIN)/python -m torture --minutes $(or $(MINUTES),20) $(if $(SEED),--seed $(SEED))

fuzz: .venv/.installed-dev ## whatever comes from outside, in any shape, for MINUTES=10; what fails goes into the corpus (ONLY=target)
	PYTHONPATH=tests $(BIN)/python -m fuzz --minutes $(or $(MINUTES),10) $(if $(SEED),--seed $(SEED)) $(if $(ONLY),--only $(ONLY))

lock: .venv-tools/.installed ## write down again the hashes of what gets installed, for the releases in constraints.txt
	$(COMPILE) --extra telemetry --extra socks --extra channels --excludes requirements/cuda.txt --no-emit-package torch --output-file requirements/run.lock pyproject.toml
	$(COMPILE) --output-file requirements/tools.lock requirements/tools.in

sbom: .venv-tools/.installed ## list what an installation is made of, with hashes (CycloneDX, paperround.cdx.json)
	cat requirements/run.lock requirements/torch-cpu.lock | .venv-tools/bin/cyclonedx-py requirements \
		--pyproject pyproject.toml --output-reproducible --output-file paperround.cdx.json -

audit: .venv-tools/.installed ## ask the public databases for known weaknesses of what gets installed (needs the internet)
	.venv-tools/bin/pip-audit --disable-pip --require-hashes --requirement requirements/run.lock --requirement requirements/torch-cpu.lock

check-image: .venv/.installed-dev ## build the image and run it as docker-compose.yml says (as root, with podman and nginx)
	PYTHONPATH=tests $(BIN)/python -m deploy.check_image

check-compose: .venv/.installed-dev ## docker-compose.yml by docker compose, with podman in place of Docker (as root, with podman and nginx)
	PYTHONPATH=tests $(BIN)/python -m deploy.check_compose

test-hosts: .venv/.installed-dev ## many hosts as network namespaces, one cut off in the middle of each kind of work (as root; ONLY=word)
	HOSTS=1 $(BIN)/python -m pytest -s tests/hosts
	PYTHONPATH=tests $(BIN)/python -m hosts $(if $(ONLY),--only "$(ONLY)")

bench-hosts: .venv/.installed-dev ## how much one, two and three workers do, each on a host of its own (as root)
	PYTHONPATH=tests $(BIN)/python -m hosts --throughput

clean: ## remove the virtual environments; the data stay
	rm -rf .venv .venv-infinity .venv-tools

.venv/bin/python:
	@test -n "$(PYTHON)" || { echo "Paperround needs Python 3.11 or newer. Install it, or say where it is: make PYTHON=/path/to/python3"; exit 1; }
	$(PYTHON) -m venv .venv

.venv/.installed: pyproject.toml constraints.txt | .venv/bin/python
	@echo "Installing (once; a minute or two) …"
	@$(PIP) --editable .
	@touch $@

.venv/.installed-dev: .venv/.installed
	@$(PIP) --editable '.[dev]'
	@touch $@

.venv-infinity/.installed: tests/embeddings/infinity.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info >= (3, 13))' || { echo "Infinity needs Python 3.11 or 3.12: make test-infinity PYTHON=/path/to/python3.12"; exit 1; }
	$(PYTHON) -m venv --clear .venv-infinity
	@echo "Installing Infinity (once; a minute or two) …"
	@.venv-infinity/bin/python -m pip install --disable-pip-version-check --quiet --no-compile --requirement $<
	@touch $@

.venv-tools/.installed: requirements/tools.lock
	$(PYTHON) -m venv --clear .venv-tools
	@.venv-tools/bin/python -m pip install --disable-pip-version-check --quiet --require-hashes --no-deps --requirement $<
	@touch $@
