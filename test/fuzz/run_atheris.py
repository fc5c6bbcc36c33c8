"""A longer hunt than the tests': one reader under Atheris (libFuzzer), beginning with right files.

In: a target of `fuzz_readers` and options of libFuzzer. Out: the counts that libFuzzer prints; the first
input that ends in anything but the documented error is kept as `crash-...`. Atheris goes into an environment
of its own (README.md).
"""

import sys
import tempfile
from pathlib import Path

TEST = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(TEST / "helpers"), str(TEST.parent)]

import atheris  # noqa: E402

with atheris.instrument_imports(include=["n3d_ros", "PIL", "zipfile"]):
    import fuzz_readers
    import fuzz_sets

TARGETS = fuzz_readers.TARGETS | fuzz_sets.TARGETS
SEEDS = fuzz_readers.seeds() | fuzz_sets.seeds()


def main() -> None:
    """Fuzz `sys.argv[1]` with the remaining arguments."""
    name, options = sys.argv[1], sys.argv[2:]
    with tempfile.TemporaryDirectory() as corpus:
        for number, data in enumerate(SEEDS[name]):
            Path(corpus, str(number)).write_bytes(data)
        atheris.Setup([sys.argv[0], *options, corpus], TARGETS[name])
        atheris.Fuzz()


if __name__ == "__main__":
    main()
