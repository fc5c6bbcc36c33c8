#!/bin/sh
# Compile native/*.c into n3d_ros/preprocess/_native.so for this machine. Without a C compiler it says so and succeeds: numpy and
# Pillow then do the same work, several times slower.
set -eu
checkout=$(cd "$(dirname "$0")/.." && pwd)
compiler=${CC:-cc}
target=$checkout/n3d_ros/preprocess/_native.so
if ! command -v "$compiler" >/dev/null 2>&1; then
  echo "no C compiler ($compiler): pictures and depth are prepared by numpy, several times slower" >&2
  exit 0
fi
# shellcheck disable=SC2046  # flags are words
if "$compiler" $(cat "$checkout/native/flags") -fPIC -shared -o "$target.new" "$checkout"/native/*.c -lm; then
  mv "$target.new" "$target"
  echo "compiled $target"
else
  rm -f "$target.new"
  echo "$compiler could not compile native/*.c: pictures and depth are prepared by numpy, several times slower" >&2
fi
