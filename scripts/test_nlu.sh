#!/usr/bin/env bash
# The components in Rasa's own environment, and Rasa's own validation and evaluation of the training data.
set -euo pipefail
export RASA_TELEMETRY_ENABLED=false ACTIONS_WEBHOOK=${ACTIONS_WEBHOOK:-http://127.0.0.1:5055/webhook} RASA_TRACKER_DB=${RASA_TRACKER_DB:-:memory:}
mkdir -p results
.venv-nlu/bin/python -W ignore -m rasa data validate --data data/nlu data/rules --domain domain.yml --config config.yml --fail-on-warnings 2>&1 |
    grep -vE "DeprecationWarning|SAWarning|warnings.warn|declarative_base|pkg_resources" | tail -15
model=$(.venv-nlu/bin/python scripts/train.py --check | tail -1)
TQDM_DISABLE=1 .venv-nlu/bin/python -W ignore -m rasa test nlu --nlu tests/data/questions.yml --model "$model" --out results/nlu --no-plot 2>&1 |
    grep -E "rasa.nlu.test .*(Classification report|Intent Evaluation|F1|Precision|Accuracy)|Error|ERROR" | tail -15
.venv-nlu/bin/python -m pytest -q tests/nlu -c tests/nlu/pytest.ini --rootdir . --junitxml=results/junit-nlu.xml
