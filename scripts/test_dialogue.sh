#!/usr/bin/env bash
# Rasa test stories: every prediction of every story must be right.
set -euo pipefail
export RASA_TELEMETRY_ENABLED=false ACTIONS_WEBHOOK=${ACTIONS_WEBHOOK:-http://127.0.0.1:5055/webhook} RASA_TRACKER_DB=${RASA_TRACKER_DB:-:memory:}
mkdir -p results
model=$(.venv-nlu/bin/python scripts/train.py --check | tail -1)
.venv-nlu/bin/python -W ignore -m rasa test core --stories tests/dialogue --model "$model" --out results/dialogue --no-plot --fail-on-prediction-errors 2>&1 |
    grep -vE "DeprecationWarning|SAWarning|warnings.warn|declarative_base|pkg_resources" | tail -15
