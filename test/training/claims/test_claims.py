"""The whole check on a handful of scenes, two steps each: it runs, is resumed, and its sets are right."""

import json

import pytest

pytest.importorskip("torch")
pytest.importorskip("datasets")
pytest.importorskip("n3d_ros.sim", exc_type=ImportError)

from places import CHECKOUT

from n3d_ros.protocol import prompts
from n3d_ros.runtime.options import Options
from n3d_ros.runtime.pipeline import Pipeline
from n3d_ros.spatial import answer as exact_answer
from n3d_ros.spatial import check_answer, parse_question
from n3d_ros.training.claims.measure import Examinee
from n3d_ros.training.claims.run import Budget, check_claims
from n3d_ros.training.claims.scenes import SceneSet, write_scenes
from n3d_ros.training.claims.variants import VARIANTS, config_of
from n3d_ros.training.finetune.configs import AS_IN_PAPER
from n3d_ros.training.finetune.turns import read_boxes
from n3d_ros.training.qa.sets import load_observation, read_questions


@pytest.fixture(scope="module")
def scenes(tmp_path_factory):
    return write_scenes(SceneSet(20_000, 6), tmp_path_factory.mktemp("scenes") / "set")


def test_a_set_has_boxes_and_answers_that_agree_with_its_pictures(scenes):
    questions = list(read_questions(scenes))
    assert {question.kind for question in questions} == {"ground", "spatial"}
    for question in questions:
        seen = load_observation(question.picture, root=scenes)
        k = seen.intrinsics
        for box in question.boxes:
            x, y, z = box.center_m
            column, row = round(k.fx * x / z + k.cx), round(k.fy * y / z + k.cy)
            assert abs(seen.depth[row, column] - z) < 0.3
        if question.kind == "spatial":
            exact = exact_answer(parse_question(question.text), [known.box for known in question.boxes])
            assert check_answer(question.answer, exact)


def test_a_set_is_rendered_once_and_the_same_from_its_seed(scenes, tmp_path):
    before = (scenes / "shard-00000.parquet").stat().st_mtime_ns
    write_scenes(SceneSet(20_000, 6), scenes)
    assert (scenes / "shard-00000.parquet").stat().st_mtime_ns == before
    again = write_scenes(SceneSet(20_000, 6), tmp_path / "again")
    assert list(read_questions(again)) == list(read_questions(scenes))


def test_a_variant_replies_to_many_at_once_as_the_robot_does_to_each(scenes):
    """The model that ships, asked in batches of prompts of different lengths and by the pipeline."""
    folder = CHECKOUT / "engines" / "n3d-nano"
    examinee = Examinee(folder, AS_IN_PAPER, scenes)
    chosen = [one for one in read_questions(scenes) if one.category == "grounding"][:3]
    pictures = [examinee.maker.picture(one) for one in chosen]
    asked = [prompts.ground_prompt(prompts.ground_question(one.text)) for one in chosen[:2]]
    asked.append(prompts.locate_prompt(f"How tall is {chosen[2].text}?"))
    together = examinee.replies(list(zip(asked, pictures, strict=True)), 48)
    assert [examinee.replies([one], 48)[0] for one in zip(asked, pictures, strict=True)] == together
    pipeline = Pipeline.load(folder, "torch", options=Options(second_look="off"))
    for question, inputs, reply in zip(chosen[:2], pictures, together, strict=False):
        expected = pipeline.ground(load_observation(question.picture, root=scenes), question.text).objects
        found = read_boxes(reply, inputs.scene, inputs.intrinsics)
        assert [box.label for box in found] == [one.box.label for one in expected]
        assert [box.center for box in found] == [pytest.approx(one.box.center) for one in expected]


def test_every_variant_has_the_same_number_of_steps_behind_it(tmp_path):
    trained = {one.name: config_of(one, tmp_path, 10, 0).stages[0].steps for one in VARIANTS}
    before = {one.name: trained[one.after] if one.after else 0 for one in VARIANTS}
    total = {name: steps + before[name] for name, steps in trained.items()}
    assert total["grounding first"] == total["answers directly"] == 20
    assert {total[one.name] for one in VARIANTS if one.stage == "stage1_grounding"} == {10}


@pytest.mark.slow
def test_all_variants_are_trained_measured_and_kept(tmp_path):
    budget = Budget(train_views=6, test_views=3, seeds=1, steps=1)
    results = check_claims(budget, "untrained", tmp_path)
    assert all(len(seeds) == 1 and seeds[0] for seeds in results.values())
    stored = json.loads((tmp_path / "results.json").read_text())
    assert stored["steps"] == 1 and set(stored["marks"]) == set(results)
    (directly,) = results["answers directly"]
    assert all(mark.iou is None and mark.said is not None for mark in directly)
    assert check_claims(budget, "untrained", tmp_path) == results


def test_a_budget_that_cannot_be_is_refused():
    with pytest.raises(ValueError, match="seeds expected a positive number, got 0"):
        Budget(seeds=0)
    with pytest.raises(ValueError, match="positive minutes"):
        Budget(minutes=0)
