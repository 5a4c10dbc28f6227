#!/usr/bin/env bash
# uv, the package installer, in a small environment of its own.
set -euo pipefail
command -v python3 >/dev/null || { echo "python3 is needed to begin with; please install it"; exit 1; }
echo "── tools: installing uv"
python3 -m venv .venv-tools 2>/dev/null || { echo "python3 cannot make environments: install python3-venv"; exit 1; }
.venv-tools/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/tools.txt
touch .venv-tools/bin/uv
