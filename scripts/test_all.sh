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

# Several test runs at once, each with a log that is shown when all have ended: much of what tests do is waiting. A run is a name,
# the tests that are meant, and folders.
side_by_side() {
    local pids=() names=() result=0
    while [ $# -gt 0 ]; do
        local name=$1 arguments=$2
        shift 2
        # shellcheck disable=SC2086 # several arguments
        eval ".venv-app/bin/pytest -q $arguments --junitxml=results/junit-$name.xml" >"results/$name.log" 2>&1 &
        pids+=($!) names+=("$name")
    done
    for number in "${!pids[@]}"; do
        wait "${pids[$number]}" || result=$?
        echo "── ${names[$number]}"
        cat "results/${names[$number]}.log"
    done
    return $result
}

units='-m "not processes and not browser"'
rest=$(for folder in tests/*/; do echo "--ignore=${folder%/}"; done | grep -E "tests/(loans|channels)$" | tr '\n' ' ')

step "ruff" .venv-app/bin/ruff check .
step "format" .venv-app/bin/ruff format --check --quiet .
step "layers" .venv-app/bin/lint-imports --no-logo
step "types: app" .venv-app/bin/mypy
step "types: nlu" .venv-app/bin/mypy --config-file mypy-nlu.ini --python-executable .venv-nlu/bin/python
step "widget: lint" npm --prefix web/widget run --silent lint
step "widget: unit tests" npm --prefix web/widget run --silent test
step "desk: lint" npm --prefix web/desk run --silent lint
step "desk: unit tests" npm --prefix web/desk run --silent test
step "understanding" bash scripts/test_nlu.sh
step "dialogue" bash scripts/test_dialogue.sh
step "units" side_by_side loans "$units tests/loans" channels "$units tests/channels" rest "$units $rest"
step "live" side_by_side faults "tests/faults" processes '-m "processes and not browser" --ignore=tests/faults' browser "-m browser"
echo
if [ ${#failed[@]} -gt 0 ]; then
    printf 'FAILED: %s\n' "${failed[@]}"
fi
.venv-app/bin/python scripts/count_tests.py results/junit-*.xml || failed+=("count")
[ ${#failed[@]} -eq 0 ]
