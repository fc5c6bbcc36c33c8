"""What stands in for `n3d build --lines`: a program that does what its --target says."""

from __future__ import annotations

import sys

SCRIPT = """
import json, signal, sys

def say(**values):
    print(json.dumps(values), flush=True)

target = next((one for one in sys.argv if one.startswith("--target=")), "--target=").partition("=")[2]
print("a runtime's own words", flush=True)
if target == "stale":
    say(failed=12, message="stale engine")
    sys.exit(2)
say(engine="vision.engine", phase="", progress=0.0, elapsed_s=0.0)
say(engine="vision.engine", phase="tactics", progress=0.5, elapsed_s=4.0)
say(engine="vision.engine", is_done=True)
say(engine="decoder.engine", phase="tactics", progress=0.25, elapsed_s=3.0)
if target == "waits":
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    say(engine="decoder.engine", phase="waiting", progress=0.25, elapsed_s=4.0)
    signal.pause()
if target == "deaf":
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    say(engine="decoder.engine", phase="deaf", progress=0.25, elapsed_s=4.0)
    while True:
        signal.pause()
if target == "refused":
    say(failed=5, message="expected tensorrt or tensorrt_rtx to import, found none")
    sys.exit(2)
if target == "broken":
    say(failed=12, message="could not build it")
    sys.exit(2)
if target == "unwanted":
    sys.exit("n3d build: error: argument --precision: invalid choice")
if target == "crash":
    raise RuntimeError("no way")
say(engine="decoder.engine", is_done=True)
say(path=" ".join(sys.argv[1:]), is_new=True)
"""
COMMAND = (sys.executable, "-c", SCRIPT)
