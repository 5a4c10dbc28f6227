#!/usr/bin/env bash
# Every check and every test, one after the other; ends with the counts. Goes on after a failure, so that one run shows all.
set -uo pipefail
export SQLALCHEMY_SILENCE_UBER_WARNING=1
mkdir -p results
rm -f results/junit-*.xml
failed=()

step() {
    local name=$1
    shift
    echo
    echo "── $name"
    local started=$SECONDS
    "$@" || failed+=("$name")
    echo "   ($name: $((SECONDS - started)) s)"
}

step "ruff" .venv-app/bin/ruff check .
step "format" .venv-app/bin/ruff format --check --quiet .
step "layers" .venv-app/bin/lint-imports --no-logo
step "types: app" .venv-app/bin/mypy
step "types: nlu" .venv-app/bin/mypy --config-file mypy-nlu.ini --python-executable .venv-nlu/bin/python
step "widget: lint" npm --prefix web/widget run --silent lint
step "widget: unit tests" npm --prefix web/widget run --silent test
step "understanding" bash scripts/test_nlu.sh
step "dialogue" bash scripts/test_dialogue.sh
step "unit, processes and browser" .venv-app/bin/pytest -q --junitxml=results/junit-app.xml
echo
if [ ${#failed[@]} -gt 0 ]; then
    printf 'FAILED: %s\n' "${failed[@]}"
fi
.venv-app/bin/python scripts/count_tests.py results/junit-*.xml || failed+=("count")
[ ${#failed[@]} -eq 0 ]
