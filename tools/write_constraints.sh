#!/bin/sh
# Write requirements/constraints/pyX.Y.txt: for each Python release the newest releases that requirements/ allows and
# that fit together, as uv resolves them. Nothing is installed, so a release of Python need not be at hand.
set -eu
checkout=$(cd "$(dirname "$0")/.." && pwd)
uv=$(cd "$VENV" && pwd)/bin/uv
cd "$checkout/requirements"
for python in 3.10 3.11 3.12 3.13 3.14; do
  files="test.txt check.txt tensorrt.txt ros-jazzy.txt train.txt"
  [ "$python" != 3.10 ] || files="test.txt check.txt tensorrt.txt ros-jazzy.txt"  # transformers needs 3.11
  target=constraints/py$python.txt
  {
    echo "# What \`make\` installs with Python $python: \`make constraints\` resolved it for Linux on x86-64."
    echo "# Tried: not yet."
  } >"$target.new"
  # shellcheck disable=SC2086  # files are words
  "$uv" pip compile --quiet --no-header --no-annotate --python-version "$python" \
    --python-platform x86_64-manylinux_2_28 $files >"$target.resolved"
  # A local version (+cpu) exists on some indexes only, and a plain one admits it.
  sed 's/+[a-z0-9.]*$//' "$target.resolved" >>"$target.new"
  rm "$target.resolved"
  mv "$target.new" "$target"
  echo "wrote requirements/$target"
done
