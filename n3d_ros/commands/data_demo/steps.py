"""The steps of the demo as command lines, and how one is run.

In: the folder of the demo and its sizes. Out: `Step`s in order. Each goes on where it was stopped, so the
whole does; nothing is kept here of what was done.
"""

from __future__ import annotations

import argparse
import shlex
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from n3d_ros.child_process import package_environment
from n3d_ros.errors import CommandFailed
from n3d_ros.runtime.backends.factory import default_model_dir
from n3d_ros.storage.json_file import read_object
from n3d_ros.storage.whole_file import write_json

# Seeds below 1,000,000 are never trained on (`n3d render --help`).
TEST_SEED = 80_000
# Few questions a picture: what a random model writes about each goes on until nothing more fits.
QUESTIONS_A_PICTURE = 8


@dataclass(frozen=True)
class Layout:
    """Where everything lies below `out`."""

    out: Path

    @property
    def train(self) -> Path:
        return self.out / "train"

    @property
    def test(self) -> Path:
        return self.out / "test"

    @property
    def real(self) -> Path:
        return self.out / "real"

    @property
    def model(self) -> Path:
        return self.out / "model"

    @property
    def debug_model(self) -> Path:
        return self.model / "stage2_reasoning/model"

    @property
    def frames_page(self) -> Path:
        return self.real / "frames.html"

    @property
    def test_config(self) -> Path:
        return self.out / "test_questions.json"

    def evaluation(self, of: str) -> Path:
        return self.out / "eval" / of

    def write_config(self) -> None:
        """What differs from the defaults of `n3d make-qa` in the test set."""
        self.out.mkdir(parents=True, exist_ok=True)
        write_json(self.test_config, {"num_a_picture": QUESTIONS_A_PICTURE})


@dataclass(frozen=True)
class Step:
    """says: for people. words: of the command line behind `n3d`. may_end_with: a code, besides 0, after which
    there is something to go on with; who takes the steps looks at what this one left.
    """

    says: str
    words: tuple[str, ...]
    may_end_with: int = 0


def step(says: str, words: Sequence[object]) -> Step:
    """A step of whatever has a text."""
    return Step(says, tuple(map(str, words)))


class Runner:
    """Runs steps one after another, each in a process of its own, as a user would."""

    def __init__(self) -> None:
        self._number = 0

    def say(self, what: str) -> None:
        """The next step's number and what it is."""
        self._number += 1
        print(f"\n== {self._number}. {what}", flush=True)

    def __call__(self, one: Step) -> None:
        """CommandFailed where it did not succeed; it has said why itself."""
        self.say(one.says)
        print(f"$ n3d {shlex.join(one.words)}", flush=True)
        code = subprocess.run(
            [sys.executable, "-m", "n3d_ros.cli", *one.words], env=package_environment()
        ).returncode
        if code not in (0, one.may_end_with):
            raise CommandFailed(
                f"step {self._number}, n3d {one.words[0]}, ended with {code}; the same command goes on there"
            )


def known_words() -> list[object]:
    """n3d-nano's, which the model of random weights has, too."""
    return ["--words-of", default_model_dir()]


def simulated_steps(layout: Layout, args: argparse.Namespace) -> Iterator[Step]:
    """From scenes to two measured models."""
    train, test = layout.train, layout.test
    num_train, num_test = args.scenes
    workers, known = ["--workers", args.workers], known_words()
    drawn = ["--noise", "--size", args.size, *workers]
    yield step(
        "scenes to train on",
        ["render", "--scenes", num_train, "--finer", 0, *drawn, "--out", train / "scenes"],
    )
    yield step(
        "scenes to measure with, and what is truly seen of each object",
        ["render", "--scenes", num_test, "--seed", TEST_SEED, *drawn, "--out", test / "scenes"],
    )
    for home in (train, test):
        lifted = ["--shard-size", 32, *workers, "--out", home / "lifted"]
        yield step("boxes of masks and depth", ["lift", home / "scenes/instances.json", *lifted])
    yield step(
        "questions to measure with, in words that both models know",
        ["make-qa", test / "lifted", "--config", layout.test_config, *known, "--out", test / "questions"],
    )
    yield step(
        "questions to train on, about no picture of these",
        [
            "make-qa",
            train / "lifted",
            "--apart-from",
            test / "questions",
            *known,
            "--out",
            train / "questions",
        ],
    )
    yield step("do the two sets share pictures?", ["leaks", train / "questions", test / "questions"])
    yield step(
        "a model of random weights, a few steps in both stages",
        ["train", "--config", "debug", "--questions", train / "questions", "--out", layout.model],
    )
    asked = ["eval", "--questions", test / "questions"]
    yield step(
        "that model is asked",
        [*asked, "--model", layout.debug_model, "--out", layout.evaluation("debug")],
    )
    yield step("n3d-nano is asked the same", [*asked, "--out", layout.evaluation("nano")])


def real_steps(layout: Layout, folders: list[Path]) -> Iterator[Step]:
    """Annotated real frames, as far as there is something to go on with."""
    if not folders:
        return
    real = layout.real
    yield step(f"boxes in {len(folders)} real frames", ["lift", *folders, "--out", real / "lifted"])
    if not read_object(real / "lifted/manifest.json")["kept"]:
        print("no box: no questions about real frames")
        return
    asking = ["make-qa", real / "lifted", *known_words(), "--out", real / "questions"]
    yield replace(step("questions about them", asking), may_end_with=1)
    if not (real / "questions" / "manifest.json").is_file():  # the step has said why
        print("no question about real frames")
        return
    yield step(
        "n3d-nano is asked about real frames",
        ["eval", "--questions", real / "questions", "--out", layout.evaluation("nano_real")],
    )
