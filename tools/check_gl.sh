#!/bin/sh
# The simulator draws without a display through OSMesa; make sure that library loads.
set -eu
loads() { "$VENV/bin/python" -c 'import ctypes, ctypes.util; ctypes.CDLL(ctypes.util.find_library("OSMesa") or "libOSMesa.so.8")' 2>/dev/null; }
loads && exit 0
"$(dirname "$0")/need_packages.sh" "libOSMesa, which draws the simulated camera without a display" libosmesa6
loads
