#!/bin/sh
# Generate, compile and install this package's messages, services and actions into $VENV, with ROS wheels in it or with
# a sourced ROS distribution around it. Only the interfaces: the Python code runs from the checkout.
set -eu
checkout=$(cd "$(dirname "$0")/.." && pwd)
prefix=$(cd "$VENV" && pwd)
python=$prefix/bin/python
for tool in cmake make g++; do
  command -v $tool >/dev/null 2>&1 || "$checkout/tools/need_packages.sh" "$tool" cmake make g++
done
if ! "$python" -c 'import pathlib, sys, sysconfig; sys.exit(not pathlib.Path(sysconfig.get_path("include"), "Python.h").is_file())'; then
  "$checkout/tools/need_packages.sh" "Python's header files" \
    "$("$python" -c 'import sys; print("python%d.%d-dev" % sys.version_info[:2])')"
fi
export AMENT_PREFIX_PATH="$prefix${AMENT_PREFIX_PATH:+:$AMENT_PREFIX_PATH}"
export CMAKE_PREFIX_PATH="$AMENT_PREFIX_PATH${CMAKE_PREFIX_PATH:+:$CMAKE_PREFIX_PATH}"
# rosidl must run under this interpreter, and the installed libraries find each other without LD_LIBRARY_PATH.
export PATH="$prefix/bin:$PATH"
build=$checkout/build/interfaces
rm -rf "$build"
mkdir -p "$build"
log=$build/log.txt
if ! { cmake -S "$checkout" -B "$build" -DCMAKE_INSTALL_PREFIX="$prefix" -DCMAKE_INSTALL_RPATH="$prefix/lib" \
         -DPython3_EXECUTABLE="$python" -DPYTHON_EXECUTABLE="$python" -DPython3_FIND_VIRTUALENV=ONLY \
         -DBUILD_TESTING=OFF -DN3D_CHECKOUT=ON -DCMAKE_BUILD_TYPE=None &&
       cmake --build "$build" --parallel "$(nproc)" && cmake --install "$build"; } >"$log" 2>&1; then
  tail -n 40 "$log" >&2
  echo "building the interfaces failed; the whole log: $log" >&2
  exit 1
fi
cd "$build" && "$python" -c 'import n3d_ros.action, n3d_ros.msg, n3d_ros.srv; n3d_ros.action.Ground.Goal()'
echo "interfaces installed into $prefix"
