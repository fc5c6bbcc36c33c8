"""The model card says what was measured, by kind and by relation, and how sure that is."""

import shutil
from pathlib import Path

import pytest

pytest.importorskip("torch")
pytest.importorskip("n3d_ros.sim", exc_type=ImportError)

from n3d_ros.runtime.backends.factory import default_model_dir
from n3d_ros.sim import KINDS, WIDE_KINDS
from n3d_ros.training.evaluation.simulated.nameable import nameable
from n3d_ros.training.nano.card import Measured, Origin, card, share
from n3d_ros.training.nano.ledger import Spent
from n3d_ros.training.nano.world_mix import WORLDS, WorldMix

DETAILS = {
    "answers_by_relation": {"height": {"chance": 1 / 3}, "taller_shorter": {"chance": 0.5}},
    "names_by_way": {
        "all": {
            "f1": {"value": 0.8, "low": 0.7, "high": 0.9, "num": 5}, "precision": None, "recall": 0.75,
        }
    },
}  # fmt: skip


def trial(
    words, iou, found=1, refused=True, right=True, confirmed=False, question="How tall is the red mug?"
):
    return {
        "words": words,
        "iou": iou,
        "num_found": found,
        "refusal": {"num_found": 0 if refused else 1},
        "premise": {"answer": "" if refused else "It is 0.2 m."},
        "answered": {
            "question": question, "right": right, "confirmed": confirmed,
            "true_m": 0.2 if question.startswith("How") else None, "within_25": right,
        },
        "further": [{"way": "by id", "right": right, "confirmed": confirmed}],
    }  # fmt: skip


def made(minutes=3.0, worlds=WORLDS["nano"], begun="", folder=None):
    """The card of a run."""
    trials = [
        trial("red mug", 0.6),
        trial("blue mug", 0.1, refused=False),
        trial("red can", 0.3, right=False, question="Is the red mug taller than the blue can?"),
        trial("red can", 0.0, found=0, confirmed=True),
    ]
    summary = {"median_center_error_m": 0.0234, "malformed": 2, "median_ms": 40.4}
    origin = Origin("n3d train --config nano --minutes 3", begun, 75, 1_000_000, minutes, worlds)
    steps = {"render": Spent(12.4, 512.0, True), "eval": Spent(3.0, 9.0, False)}
    first = Measured("n3d eval --scenes 4", summary, DETAILS, trials)
    other = Measured("n3d eval --scenes 1 --kinds wide", summary, DETAILS, [trial("red spoon", 0.3)])
    return card(folder or default_model_dir(), origin, [first, other], steps)


@pytest.fixture(scope="module")
def text():
    return made()


@pytest.mark.parametrize(
    "line",
    [
        "| boxes at 3D IoU >= 0.25 | 50.0 % | 15 to 85 % | 4 |",
        "| boxes at 3D IoU >= 0.50 | 25.0 % | 5 to 70 % | 4 |",
        "| prompts that found a box | 75.0 % | 30 to 95 % | 4 |",
        "| absent things refused | 75.0 % | 30 to 95 % | 4 |",
        "| questions about absent things left unanswered | 75.0 % | 30 to 95 % | 4 |",
        "| spatial questions answered rightly | 75.0 % | 30 to 95 % | 4 |",
        "| own sentence confirmed | 25.0 % | 5 to 70 % | 4 |",
        "| can | 50.0 % | 9 to 91 % | 2 |",
        "| mug | 50.0 % | 9 to 91 % | 2 |",
        "| lengths within 25 % | 100.0 % | 44 to 100 % | 3 |",
        "| height | 100.0 % | 44 to 100 % | 33.3 % | 6 to 79 % | 3 | 33 % |",
        "| taller_shorter | 0.0 % | 0 to 79 % | 0.0 % | 0 to 79 % | 1 | 50 % |",
        "| all | 0.80 | 0.70 to 0.90 | - | 0.75 | 5 |",
        "| by id | 75.0 % | 30 to 95 % | 25.0 % | 5 to 70 % | 4 |",
        "| render | 12 | 512 |",
    ],
)
def test_every_figure_is_in_the_card(text, line):
    assert line in text.splitlines()


def test_the_card_says_what_of_its_boxes_is_not_the_models(text, tmp_path):
    assert "moved to where the depth picture shows their sides" in text
    folder = Path(shutil.copytree(default_model_dir(), tmp_path / "model"))
    config = folder / "config.json"
    config.write_text(config.read_text().replace('"box_fit": "depth"', '"box_fit": "off"'))
    assert "depth picture shows" not in made(folder=folder)


def test_what_was_found_on_other_scenes_comes_after(text):
    first, other = text.split("## On other scenes")
    assert "Measured by `n3d eval --scenes 1 --kinds wide`" in other and "| spoon | 100.0 % |" in other
    assert "spoon" not in first and "by relation" in first and "by relation" not in other


def test_the_card_says_data_size_command_and_limits(text):
    assert "views of 75 simulated scenes (seeds 1000000 to 1000074)" in text
    assert "Begun from random numbers, trained for 3 minutes" in text
    assert "7.80 million parameters; " in text
    assert "Median centre error 2.3 cm, 2 malformed boxes, 40 ms a prompt" in text
    assert "Apache 2.0" in text and "On real pictures it finds little" in text
    assert "| eval |" not in text, "a step that is not done took no known time"


def test_the_card_says_what_the_run_saw(text):
    assert f"14 kinds of things ({', '.join(KINDS)}) in 8 colours" in text
    assert "on tables, shelves and floors. Surfaces: plain. Colours are taken: clean." in text
    assert "Depth is measured: simple 50 % + exact 50 %." in text
    wide = made(worlds=WORLDS["wide"])
    assert f"30 kinds of things ({', '.join(WIDE_KINDS)}) in 8 colours" in wide
    assert "tables, shelves, floors and cluttered tables. Surfaces: plain 40 % + seen 60 %." in wide
    assert "stereo 20 %" in wide and "handheld 12.5 %" in wide


def test_the_card_names_what_its_model_can_name_and_what_of_it_the_run_did_not_show(text):
    named = nameable(default_model_dir() / "tokenizer.json", tuple(WIDE_KINDS))
    words = f"It has words for {len(named)} of the simulator's kinds ({', '.join(named)}) and 8 colours"
    assert words in text and "showed it none" not in made(worlds=WORLDS["wide"])
    few = WorldMix(layout=(("clutter", 1.0),))
    object.__setattr__(few, "kinds", ())
    assert f"Of these kinds this run showed it none of {', '.join(named)}." in made(worlds=few)


def test_the_card_claims_nothing_of_what_weights_saw_that_were_only_measured():
    text = made(minutes=0.0, begun="some/model")
    assert "The weights of `some/model`; this card does not know what they saw." in text
    assert "kinds of things (" not in text and "This run showed" not in text and "was rendered" not in text
    assert "(this card does not know what they saw)" in made(begun="some/model")


def test_a_share_of_nothing_is_no_number():
    assert share([], bool) == ("-", "-", "0")
