#!/usr/bin/env bash
# Prints an interpreter of version $1 (such as 3.10) or of a later minor up to $2; falls back to the version
# number alone, which lets uv download one. A shim counts only if it runs.
set -eu
first=$1 last=${2:-$1}
for minor in $(seq "${first#3.}" "${last#3.}"); do
    candidate="python3.$minor"
    if command -v "$candidate" >/dev/null && "$candidate" -c 'import ssl' 2>/dev/null; then
        command -v "$candidate"
        exit 0
    fi
    for found in "${PYENV_ROOT:-$HOME/.pyenv}"/versions/"3.$minor".*/bin/python; do
        if [ -x "$found" ]; then
            echo "$found"
            exit 0
        fi
    done
done
echo "${1}"
