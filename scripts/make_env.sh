#!/usr/bin/env bash
# make_env.sh FOLDER PYTHON LOCKFILE LABEL: an environment that holds exactly what the lock file says.
set -euo pipefail
folder=$1 version=$2 lock=$3 label=$4
latest=$version
[ "$version" = 3.10 ] || latest=3.13
interpreter=$(bash scripts/find_python.sh "$version" "$latest")
echo "── $label: $(grep -c '==' "$lock") packages into $folder ($interpreter)"
started=$SECONDS
[ -x "$folder/bin/python" ] || .venv-tools/bin/uv venv --quiet "$folder" --python "$interpreter"
.venv-tools/bin/uv pip sync --quiet --python "$folder/bin/python" --require-hashes "$lock"
touch "$folder/.ready"
echo "   done in $((SECONDS - started)) s"
