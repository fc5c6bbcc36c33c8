#!/bin/sh
# Install Debian/Ubuntu packages when this user may, else print the exact command and fail.
# usage: tools/need_packages.sh "why they are needed" PACKAGE...
set -eu
why=$1
shift
if [ "$(id -u)" = 0 ]; then
  as_root=""
elif command -v sudo >/dev/null 2>&1 && sudo -n true 2>/dev/null; then
  as_root="sudo -n"
else
  as_root="unavailable"
fi
if [ "$as_root" != unavailable ] && command -v apt-get >/dev/null 2>&1; then
  echo "installing $*: $why"
  export DEBIAN_FRONTEND=noninteractive
  $as_root apt-get install -y -qq "$@" >/dev/null && exit 0
  $as_root apt-get update -qq && $as_root apt-get install -y -qq "$@" >/dev/null && exit 0
fi
echo "missing: $why. Please run" >&2
echo "    sudo apt-get update && sudo apt-get install -y $*" >&2
echo "and then make again." >&2
exit 1
