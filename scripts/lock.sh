#!/usr/bin/env bash
# Locks each group of pyproject.toml into a file with hashes and without any registry address.
set -euo pipefail
export UV_FIND_LINKS=${UV_FIND_LINKS:-${PIP_FIND_LINKS:-https://download.pytorch.org/whl/cpu/torch/}}  # PyTorch for CPUs
for pair in nlu:3.10 app:3.11 dev:3.11 tools:3.11 encoder:3.11; do
    group=${pair%%:*} version=${pair##*:}
    .venv-tools/bin/uv pip compile pyproject.toml --group "$group" --python "$(bash scripts/find_python.sh "$version")" \
        --generate-hashes --no-header --no-emit-index-url --no-emit-find-links --quiet -o "requirements/$group.txt"
    echo "requirements/$group.txt: $(grep -c '==' "requirements/$group.txt") packages"
done
