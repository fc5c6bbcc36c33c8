#!/bin/sh
# Create $VENV with $PYTHON (3.10 or newer). Arguments go to `python -m venv`.
set -eu
here=$(dirname "$0")
if ! command -v "$PYTHON" >/dev/null 2>&1; then
  "$here/need_packages.sh" "a Python interpreter ($PYTHON)" python3 python3-venv python3-dev
fi
"$PYTHON" -c 'import sys
if sys.version_info < (3, 10):
    sys.exit("expected Python 3.10 or newer, got %s from %s; try make PYTHON=python3.11" % (sys.version.split()[0], sys.executable))'
if ! "$PYTHON" -c 'import ensurepip, venv' 2>/dev/null; then
  "$here/need_packages.sh" "Python's venv module" "$("$PYTHON" -c 'import sys; print("python%d.%d-venv" % sys.version_info[:2])')"
fi
exec "$PYTHON" -m venv "$@" "$VENV"
