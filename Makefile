# 随星客服. `make help` lists the commands. Everything a target needs is prepared by it.
SHELL := /bin/bash
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

export RASA_TELEMETRY_ENABLED := false
export PYTHONUNBUFFERED := 1
export SQLALCHEMY_SILENCE_UBER_WARNING := 1
# Rasa's worker is one process on few cores: TensorFlow only costs start-up time here.
export TF_CPP_MIN_LOG_LEVEL := 3
export CUDA_VISIBLE_DEVICES :=

UV  := .venv-tools/bin/uv
NLU := .venv-nlu/bin/python
APP := .venv-app/bin/python
EVAL ?=
FILE ?=
ANCHOR ?=
ID ?=
NAME ?=

.PHONY: help run test setup web train encoder eval worth import corrections corrections-report bench-nlu bench-loans bench-cases remediate bench-remediation bench-audit bench-chat bench-callbacks record-quality ledger-check audit-check admin loan-openapi desk-types lint types test-unit test-nlu test-dialogue test-processes test-browser lock clean screenshots

help: ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  make %-16s %s\n", $$1, $$2}'

run: setup web train ## prepare everything, start it, print the address (Ctrl-C stops)
	@DEMO=$${DEMO:-1} $(APP) scripts/serve.py

test: setup web train ## every check and every test
	@bash scripts/test_all.sh

setup: .venv-nlu/.ready .venv-app/.ready ## both Python environments, from the lock files

$(UV): requirements/tools.txt
	@bash scripts/make_uv.sh

.venv-nlu/.ready: requirements/nlu.txt | $(UV)
	@bash scripts/make_env.sh .venv-nlu 3.10 requirements/nlu.txt "Rasa (Python 3.10)"

.venv-app/.ready: requirements/dev.txt | $(UV)
	@bash scripts/make_env.sh .venv-app 3.11 requirements/dev.txt "app (Python 3.11)"

# torch==…+cpu is not on PyPI: a folder of wheels that pip already knows, else PyTorch's own index.
.venv-encoder/.ready: requirements/encoder.txt | $(UV)
	@UV_FIND_LINKS=$${UV_FIND_LINKS:-$${PIP_FIND_LINKS:-https://download.pytorch.org/whl/cpu/torch/}} \
		bash scripts/make_env.sh .venv-encoder 3.11 requirements/encoder.txt "encoder build (Python 3.11)"

DESK_SOURCES := $(shell find web/desk -path web/desk/node_modules -prune -o -path web/desk/dist -prune -o -type f -print 2>/dev/null)
WIDGET_SOURCES := $(shell find web/widget -path web/widget/node_modules -prune -o -path web/widget/dist -prune -o -type f -print 2>/dev/null)

web: web/widget/dist/widget.js web/desk/dist/index.html ## the chat widget, the demo page and the desk

web/%/node_modules/.ready: web/%/package-lock.json
	@echo "── web: installing packages ($*)"
	@cd web/$* && npm ci --no-audit --no-fund --loglevel=error && touch node_modules/.ready

web/widget/dist/widget.js: web/widget/node_modules/.ready $(WIDGET_SOURCES)
	@echo "── web: building the widget"
	@cd web/widget && npm run --silent build && touch dist/widget.js

web/desk/dist/index.html: web/desk/node_modules/.ready $(DESK_SOURCES)
	@echo "── web: building the desk"
	@cd web/desk && npm run --silent build && touch dist/index.html

desk-types: .venv-app/.ready web/desk/node_modules/.ready ## rewrite the desk's types from the app's OpenAPI document
	@cd web/desk && npm run --silent types

train: setup ## train the Rasa model when the data changed
	@$(NLU) scripts/train.py

encoder: .venv-encoder/.ready ## rebuild models/encoder from our sentences (not needed to run; about 15 minutes)
	@nice -n 10 .venv-encoder/bin/python -m scripts.encoder.build

eval: train ## score the model: make eval EVAL=file.tsv [ERRORS=1]
	@test -n "$(EVAL)" || { echo "say which file: make eval EVAL=path/to/file.tsv"; exit 2; }
	@$(NLU) -W ignore scripts/evaluate.py "$(EVAL)" $(if $(ERRORS),--errors)

bench-nlu: setup ## latency, memory, training and start beside Rasa's stock Chinese pipeline (a quarter of an hour)
	@$(NLU) -W ignore scripts/bench_nlu.py $(if $(EVAL),--questions "$(EVAL)")

record-quality: train ## accept the present model's figures as the record that make test compares with
	@$(NLU) -W ignore -m tests.nlu.quality

bench-loans: setup ## the loan books on PostgreSQL: quotes, debit run, accrual (CONTRACTS=1000000; TEST_POSTGRES_URL names the server)
	@$(APP) scripts/bench_loans.py --contracts $(or $(CONTRACTS),1000000)

bench-cases: setup ## disputes: evidence for one instalment, then mass remediation (CONTRACTS=100000 ITEMS=1000000; TEST_POSTGRES_URL names the server)
	@$(APP) scripts/bench_cases.py --contracts $(or $(CONTRACTS),100000)
	@$(APP) scripts/bench_remediation.py --items $(or $(ITEMS),1000000)

worth: setup ## what an operator's labelled questions would add (k-fold): make worth EVAL=file.tsv
	@test -n "$(EVAL)" || { echo "say which file: make worth EVAL=path/to/file.tsv"; exit 2; }
	@$(NLU) -W ignore scripts/worth.py "$(EVAL)"

import: setup ## an operator's labelled questions become training sentences: make import FILE=file.tsv
	@test -n "$(FILE)" || { echo "say which file: make import FILE=path/to/file.tsv"; exit 2; }
	@$(NLU) scripts/import_questions.py "$(FILE)"

corrections: setup ## the desk's accepted corrections become training sentences, of the database at DATABASE_URL
	@$(APP) scripts/corrections.py

corrections-report: setup ## what they change: trained without and with them (EVAL=file.tsv, else the held-out questions)
	@$(NLU) -W ignore scripts/corrections_report.py $(if $(EVAL),"$(EVAL)")

ledger-check: .venv-app/.ready ## stored balances against the ledger, of the database at DATABASE_URL (nightly)
	@$(APP) scripts/ledger_check.py

remediate: .venv-app/.ready ## give back what an incident cost: make remediate INCIDENT=I-… [STEP=list|preview|propose|approve|reject|post] [AS=S2101]
	@test -n "$(INCIDENT)$(RUN)" || { echo "say which incident: make remediate INCIDENT=I-… (docs/mass-remediation.md)"; exit 2; }
	@$(APP) scripts/remediate.py $(or $(STEP),list) $(if $(INCIDENT),--incident "$(INCIDENT)") $(if $(RUN),--run "$(RUN)") \
		$(if $(AS),--as "$(AS)") $(if $(REASON),--reason "$(REASON)") $(if $(AGAIN),--again) --workers $(or $(WORKERS),1)

bench-remediation: setup ## mass remediation on PostgreSQL with a kill -9 in the middle (ITEMS=1000000; TEST_POSTGRES_URL names the server)
	@$(APP) scripts/bench_remediation.py --items $(or $(ITEMS),1000000)

admin: .venv-app/.ready ## the first admin of the desk, or a new password for them: make admin ID=M1001 NAME=王敏
	@test -n "$(ID)" -a -n "$(NAME)" || { echo "say who: make admin ID=M1001 NAME=王敏"; exit 2; }
	@$(APP) scripts/admin.py --id "$(ID)" --name "$(NAME)"

audit-check: .venv-app/.ready ## the chains of the audit trail, of the database at DATABASE_URL (nightly; ANCHOR=… of an earlier check)
	@$(APP) scripts/audit_check.py --anchor "$(ANCHOR)"

bench-audit: setup ## what the audit trail costs a commit, on PostgreSQL (TEST_POSTGRES_URL names the server)
	@$(APP) scripts/bench_audit.py

bench-chat: setup web train ## 500 widgets and what the gateway costs a turn, beside Rasa alone (ten minutes; ARGS="--earlier DIR --rounds 8")
	@$(APP) -W ignore scripts/bench_chat.py $(ARGS)

bench-callbacks: setup ## how soon callbacks of platforms are acknowledged while Rasa is silent for a minute (ARGS="--rate 10")
	@$(APP) -W ignore scripts/bench_callbacks.py $(ARGS)

lint: setup ## ruff and the layers between folders
	@.venv-app/bin/ruff check . && .venv-app/bin/ruff format --check . && .venv-app/bin/lint-imports

types: setup ## mypy strict
	@.venv-app/bin/mypy && .venv-app/bin/mypy --config-file mypy-nlu.ini --python-executable $(NLU)

test-unit: setup ## rules, services, actions, gateway, data
	@.venv-app/bin/pytest -q -m "not processes and not browser"

test-nlu: train ## components, entities, safety phrases, Rasa's own validation
	@bash scripts/test_nlu.sh

test-dialogue: train ## Rasa test stories
	@bash scripts/test_dialogue.sh

test-processes: train web ## the real Rasa, action server and app over HTTP
	@.venv-app/bin/pytest -q -m "processes and not browser"

test-browser: train web ## the widget and the desk in Chromium
	@.venv-app/bin/pytest -q -m browser

screenshots: train web ## retake the pictures in docs/images
	@$(APP) scripts/screenshots.py

loan-openapi: setup ## rewrite docs/loan-backend.openapi.json, the interface for a core system of your own
	@$(APP) scripts/loan_openapi.py

lock: $(UV) ## lock the packages again (no registry address is written)
	@bash scripts/lock.sh

clean: ## remove what was built (environments stay)
	rm -rf var models/*.tar.gz web/*/dist results .cache .rasa
