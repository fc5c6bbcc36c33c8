#!/bin/sh
# Install this checkout as pip does, into an empty folder, and use it from there: the command, the subpackages that are
# links here, the model that ships and the compiled kernels must all have come along. Dependencies are $VENV's.
set -eu
checkout=$(cd "$(dirname "$0")/.." && pwd)
python=$(cd "$VENV" && pwd)/bin/python
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
# Built outside the checkout: what an earlier build left there would be packed too.
printf '[build]\nbuild_base=%s/build\n[egg_info]\negg_base=%s\n' "$folder" "$folder" >"$folder/build.cfg"
DIST_EXTRA_CONFIG=$folder/build.cfg "$python" -m pip install --disable-pip-version-check --quiet --no-deps \
  --target "$folder/installed" "$checkout"
cd "$folder"
export PYTHONPATH="$folder/installed"
"$python" "$folder/installed/bin/n3d" --help >/dev/null
"$python" - "$folder/installed/n3d_ros" <<'END'
import sys
from pathlib import Path

import n3d_ros.engines.export.folder
import n3d_ros.training.questions
from n3d_ros.runtime.backends.factory import default_model_dir

installed = Path(sys.argv[1])
for module in (n3d_ros.engines.export.folder, n3d_ros.training.questions):
    assert Path(module.__file__).is_relative_to(installed), f"expected {installed}, got {module.__file__}"
model = default_model_dir()
assert model.is_relative_to(installed) and (model / "tokenizer.json").is_file(), f"expected a model, got {model}"
assert list(installed.glob("preprocess/_native*.so")), f"expected _native*.so in {installed}/preprocess"
END
echo "pip's package is whole"
