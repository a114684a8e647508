# Every command a developer needs. Tools are installed into the checkout and the user's cache by `make tools`.
PYTHON ?= python3
PY := .venv/bin/python
LOCAL := $(PYTHON) deploy/local

.DEFAULT_GOAL := help
.PHONY: help tools demo up test faults fuzz bench lint format contracts lock clean

help: ## this list
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/' | expand -t 12

demo: ## play the main job on the real stack; ONCE=1 ends by itself
	@$(LOCAL) run $(if $(ONCE),--once) -- $(PY) -m demo

up: ## start the stack and the five services, until Ctrl-C
	@$(LOCAL) up

test: tools ## all tests, on the real broker and database; ARGS="-k name" chooses
	@$(PY) -m pytest $(ARGS)

faults: tools ## only the tests that kill processes; prints their table
	@$(PY) -m pytest tests/faults $(ARGS)

fuzz: tools ## many requests made up from the OpenAPI documents, others each time
	@FUZZ_EXAMPLES=$(or $(FUZZ_EXAMPLES),200) $(PY) -m pytest tests/system/test_fuzz.py $(ARGS)

bench: tools ## measure against bare baselines; ONLY=outbox chooses
	@PYTHONPATH=deploy/local $(PY) -m bench $(ONLY)

lint: python ## style, types, and the order of imports
	@.venv/bin/ruff check .
	@.venv/bin/ruff format --check .
	@.venv/bin/pyright
	@.venv/bin/lint-imports

format: python ## format, and mend what can be mended
	@.venv/bin/ruff check --fix .
	@.venv/bin/ruff format .

contracts: python ## write AsyncAPI, JSON Schemas and OpenAPI into contracts/
	@$(PY) contracts/generate.py

lock: python ## refresh requirements.lock
	@.tools/uv/bin/uv lock --upgrade
	@.tools/uv/bin/uv export --quiet --all-packages --all-groups --no-emit-workspace --no-annotate --no-header \
		--format requirements.txt --output-file requirements.lock
	@.tools/uv/bin/uv pip compile --quiet --generate-hashes --no-annotate --no-header --universal --python-version 3.11 \
		deploy/local/toolbox.in --output-file deploy/local/toolbox.lock

tools: ## install what is missing: Python packages, Java, Node, Kafka, MongoDB, inbox, trace page
	@$(LOCAL) tools

.PHONY: python
python:
	@$(LOCAL) tools --python-only

clean: ## forget all data, logs and secrets of the local stack
	@$(LOCAL) clean
