#!/bin/sh
# Install torch and what needs it, as a requirements file names them.
# usage: tools/install_torch.sh yes|auto REQUIREMENTS PIP-INSTALL-COMMAND...
# auto: the CPU build where an index offers one, any build beside an NVIDIA GPU or where torch is installed already,
# else nothing: PyPI's build for Linux would bring gigabytes of CUDA to a machine that cannot use them.
set -eu
wanted=$1 requirements=$2
shift 2
python=$VENV/bin/python
install() { "$@" -r "$requirements"; }
leave_out() {
  echo "torch is left out: $1. The tests that need it will be skipped."
  exit 0
}

if [ "$wanted" = yes ]; then
  install "$@"
  exit
fi
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || leave_out "transformers needs Python 3.11 or newer"
if "$python" -c 'import importlib.util as u, sys; sys.exit(u.find_spec("torch") is None)' || nvidia-smi -L >/dev/null 2>&1; then
  install "$@"
  exit
fi
cpu_build="$(grep '^torch==' "$requirements")+cpu"
log=$VENV/.stamps/torch.log
if "$@" --no-deps "$cpu_build" >"$log" 2>&1; then
  install "$@"
elif grep -qE 'No matching distribution found|ResolutionImpossible' "$log"; then  # the latter where constraints hold
  leave_out "no index offers $cpu_build, and another build brings CUDA; TORCH_INDEX=URL names one, TORCH=yes takes any"
else
  cat "$log" >&2
  exit 1
fi
