"""The whole check on a handful of scenes, a few steps each: it runs, is resumed, and its parts are right."""

import json
from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("datasets")
pytest.importorskip("n3d_ros.sim", exc_type=ImportError)

from places import CHECKOUT

from n3d_ros.preprocess.prepare import Observation
from n3d_ros.protocol import prompts
from n3d_ros.runtime.options import Options
from n3d_ros.runtime.pipeline import Pipeline
from n3d_ros.sim import RgbdCamera, random_look, sample_camera
from n3d_ros.spatial import answer, check_answer, parse_question
from n3d_ros.training.claims import run as run_module
from n3d_ros.training.claims import scenes as scenes_module
from n3d_ros.training.claims.lessons import FirstViews, Lesson, LessonPacker, Teacher, samples, teach
from n3d_ros.training.claims.measure import Examinee
from n3d_ros.training.claims.questions import BOX, NUMBERS, OPEN
from n3d_ros.training.claims.run import Budget, Run, check_claims, posed, results_so_far
from n3d_ros.training.claims.scenes import SceneSet, framed, two_colors, write_scenes
from n3d_ros.training.claims.sight import seen_by
from n3d_ros.training.claims.variants import SMALL, VARIANTS
from n3d_ros.training.finetune.configs import AS_IN_PAPER, DIRECT, NONE, XYZ, Ablation
from n3d_ros.training.finetune.turns import read_boxes
from n3d_ros.training.nano.shards import ViewShards, view_objects
from n3d_ros.training.nano.tokenizer import build_tokenizer
from n3d_ros.training.nano.views import SMALL as PICTURE
from n3d_ros.training.nano.vocabulary import known_words
from n3d_ros.training.run_folder import begin

ENCODING = SMALL.point_encoding
BLIND, CAMERA = Ablation(depth=NONE, unit_m=0.5), Ablation(coordinates=XYZ)
STRAIGHT = Ablation(answers=DIRECT)


@pytest.fixture(scope="module")
def scenes(tmp_path_factory):
    return write_scenes(SceneSet(20_000, 4), tmp_path_factory.mktemp("scenes") / "set")


@pytest.fixture(scope="module")
def views(scenes):
    return ViewShards(scenes)


@pytest.fixture(scope="module")
def tokenizer():
    return build_tokenizer(known_words())


def test_objects_fill_their_pictures_and_differ_in_colour(views):
    for number in range(len(views)):
        view = views.view(number)
        objects, _ = view_objects(view)
        assert len(set(objects.colors)) == len(objects.colors) == 2
        u, v = objects.bins[:, 0], objects.bins[:, 1]
        assert (u > 50).all() and (u < 950).all() and (v > 50).all() and (v < 950).all()
    assert np.median([(views.view(n)["cells"] >= 0).sum() for n in range(len(views))]) >= 8


def test_scenes_are_rendered_once_and_go_on_at_the_next_shard(tmp_path, monkeypatch):
    monkeypatch.setattr(scenes_module, "SCENES_PER_SHARD", 1)
    write_scenes(SceneSet(20_000, 1), tmp_path)
    first = tmp_path / "views_20000.npy"
    before = first.stat().st_mtime_ns
    write_scenes(SceneSet(20_000, 2), tmp_path)
    assert first.stat().st_mtime_ns == before
    assert [path.name for path in sorted(tmp_path.iterdir())] == ["views_20000.npy", "views_20001.npy"]


def test_what_is_asked_has_a_true_and_clear_answer_and_is_the_same_each_time(views):
    found = posed(views)
    assert {one.asked.relation for one in found} <= {BOX, *OPEN, *NUMBERS}
    assert len({one.id for one in found}) == len(found) and found == posed(views)
    for one in (one.asked for one in found if one.asked.relation != BOX):
        exact = answer(parse_question(one.text), one.boxes)
        assert check_answer(one.answer, exact)
        assert (one.verdict is None) == (one.relation in NUMBERS)
        assert one.verdict is None or exact.margin > 0.02


@pytest.mark.parametrize("ablation", [AS_IN_PAPER, BLIND, CAMERA])
def test_every_variant_reads_the_boxes_that_it_is_taught(views, ablation):
    seen = seen_by(ablation, views.view(0), ENCODING)
    sample = samples(Lesson("seeing", 1, ablation), seen.objects, np.random.default_rng(0))[0]
    (box,) = read_boxes(sample.answer, seen.scene, seen.objects.intrinsics, ablation.coordinates)
    truth = seen.objects.boxes[sample.targets[0]]
    assert box.center == pytest.approx(truth.center, abs=0.004)
    assert box.size == pytest.approx(truth.size, abs=0.004)


def test_without_depth_no_point_and_no_scale_of_the_scene_is_seen(views):
    first, second = (seen_by(BLIND, views.view(number), ENCODING) for number in (0, 5))
    assert not first.coords.any() and first.scene == second.scene
    assert seen_by(AS_IN_PAPER, views.view(0), ENCODING).coords.any()


def test_variants_may_be_asked_for_the_same_things(views):
    for number in range(len(views)):
        askable = [
            seen_by(one, views.view(number), ENCODING).objects.askable for one in (AS_IN_PAPER, BLIND, CAMERA)
        ]
        assert askable[0] == askable[1] == askable[2]


def test_what_answers_directly_is_taught_no_box(views, tokenizer, tmp_path):
    objects = seen_by(STRAIGHT, views.view(0), ENCODING).objects
    for lesson in (Lesson("seeing", 1, STRAIGHT), Lesson("answering", 1, STRAIGHT, answering=True)):
        taught = samples(lesson, objects, np.random.default_rng(0))
        assert taught and not any("bbox" in one.answer or "<think>" in one.answer for one in taught)
    teacher = Teacher(Lesson("seeing", 1, STRAIGHT), SMALL, tokenizer, views.folder, tmp_path)
    batch = next(teacher._stream(teacher._packer(), with_text=False))
    tokens = teacher.model.image_tokens(batch.pixel_values, batch.grid_thw, batch.coords)
    assert {"kind", "color", "present"} <= set(teacher.dense_losses(batch, tokens)) - {"box"}
    assert "box" not in teacher.dense_losses(batch, tokens)


def test_the_dense_loss_has_the_numbers_that_are_written(views, tokenizer):
    packer = LessonPacker(
        Lesson("seeing", 1, CAMERA), tokenizer, ENCODING, np.random.default_rng(0), lambda: 0.0
    )
    batch = packer.batch([views.view(0)])
    written = seen_by(CAMERA, views.view(0), ENCODING).objects.bins
    assert batch.bins[0, :2, :2].tolist() == written[:, :2].tolist()
    first = int(batch.ids.max()) * 0 + tokenizer.token_to_id("0")
    numbers = (batch.labels[batch.is_number] - first).tolist()
    assert set(written[:, [0, 1, 2, 4, 5, 6]].flatten().tolist()) == set(numbers)


def test_a_part_of_the_data_stays_it_when_the_folder_is_read_again(views, tokenizer, tmp_path):
    fewer = Lesson("seeing", 1, Ablation(data_share=0.25))
    teacher = Teacher(fewer, SMALL, tokenizer, views.folder, tmp_path)
    for _ in range(2):
        assert teacher.shards.index == views.index[:2]
        teacher.shards.refresh()
    assert FirstViews(views.folder, 1.0).index == views.index


def test_a_lesson_is_taught_in_steps_and_the_next_begins_with_its_model(scenes, tokenizer, tmp_path):
    seeing = Lesson("seeing", 2)
    teach(seeing, SMALL, tokenizer, scenes, tmp_path / "seeing")
    first = Teacher(seeing, SMALL, tokenizer, scenes, tmp_path / "seeing")
    first.resume()
    assert first.step == 2 and first.done == 1.0
    answering = Lesson("answering", 2, answering=True)
    teach(answering, SMALL, tokenizer, scenes, tmp_path / "answering", tmp_path / "seeing")
    second = Teacher(answering, SMALL, tokenizer, scenes, tmp_path / "answering")
    second.resume()
    assert second.step == 2
    moved = [
        (a - b).abs().max() for a, b in zip(first.model.parameters(), second.model.parameters(), strict=True)
    ]
    assert 0 < max(moved) < 0.5


def test_a_variant_replies_to_many_at_once_as_the_robot_does_to_each(views):
    """The model that ships, asked in batches of prompts of different lengths and by the pipeline."""
    folder = CHECKOUT / "engines" / "n3d-nano"
    examinee = Examinee(folder, AS_IN_PAPER)
    chosen = [one for one in posed(views) if one.asked.relation == BOX][:3]
    seen = [views.view(one.view) for one in chosen]
    texts = [prompts.ground_prompt(prompts.ground_question(one.asked.text)) for one in chosen[:2]]
    texts.append(prompts.locate_prompt(f"How tall is the {chosen[2].asked.text}?"))
    together = examinee.replies(texts, seen, 48)
    assert [
        examinee.replies([text], [view], 48)[0] for text, view in zip(texts, seen, strict=True)
    ] == together


def test_a_variant_finds_what_the_robot_finds(views):
    """Of a picture and its depth, with the model that ships."""
    folder = CHECKOUT / "engines" / "n3d-nano"
    scene, rng = two_colors(20_000), np.random.default_rng(20_000)
    with RgbdCamera(scene, *PICTURE.rendered) as camera:
        place = framed(sample_camera(scene, rng, *PICTURE.rendered), scene, rng)
        shown = camera.render(place, random_look(rng))
    examinee, view = Examinee(folder, AS_IN_PAPER), views.view(0)
    pipeline = Pipeline.load(folder, "torch", options=Options(second_look="off", box_fit="off"))
    # pictures of the variants are smaller than those of the model that ships
    pipeline.backend.config = replace(pipeline.backend.config, long_side_px=SMALL.long_side_px)
    observation = Observation(shown.rgb, place.intrinsics, shown.depth)
    for name in view_objects(view)[0].names:
        text = prompts.ground_prompt(prompts.ground_question(name))
        found = examinee.found_in(examinee.replies([text], [view], 48)[0], view)
        expected = pipeline.ground(observation, name).objects
        assert [box.label for box in found] == [one.box.label for one in expected]
        assert [box.center for box in found] == [pytest.approx(one.box.center, abs=1e-3) for one in expected]


def test_every_variant_has_the_same_number_of_steps_behind_it():
    own = {one.name: sum(lesson.steps for lesson in one.lessons(10, 0)) for one in VARIANTS}
    total = {one.name: own[one.name] + (own[one.after] if one.after else 0) for one in VARIANTS}
    assert {total[one.name] for one in VARIANTS if one.answers} == {20}
    assert {total[one.name] for one in VARIANTS if not one.answers} == {10}


@pytest.mark.slow
def test_all_variants_are_trained_measured_and_kept(tmp_path):
    budget = Budget(train_scenes=20, test_scenes=2, steps=1)
    results = check_claims(budget, tmp_path)
    assert all(len(seeds) == 1 and seeds[0] for seeds in results.values())
    stored = json.loads((tmp_path / "results.json").read_text())
    assert stored["steps"] == 1 and set(stored["marks"]) == set(results)
    (directly,) = results["answers directly"]
    assert all(mark.iou is None and mark.said is not None for mark in directly)
    assert check_claims(budget, tmp_path) == results == results_so_far(tmp_path)


@pytest.mark.parametrize("other", [{"train_scenes": 3}, {"test_scenes": 3}])
def test_a_run_on_other_scenes_is_refused_in_the_same_folder(other, tmp_path, monkeypatch):
    """Its models and marks would be taken for this one's."""
    monkeypatch.setattr(run_module, "write_scenes", lambda *_: pytest.fail("begun"))
    begin(tmp_path, {"train_scenes": 2, "test_scenes": 2})
    with pytest.raises(ValueError, match=f"got another {next(iter(other))}"):
        check_claims(Budget(**({"train_scenes": 2, "test_scenes": 2} | other)), tmp_path)


def test_steps_are_found_from_the_minutes_once_and_then_kept(scenes, tokenizer, tmp_path, monkeypatch):
    run = Run(tmp_path, scenes, scenes, tokenizer)
    monkeypatch.setattr(run, "_trial", lambda: {"seeing": 1.0, "answering": 3.0})
    # seven lessons as long as seeing and one that reasons: 10 s a step of all
    assert run.steps(Budget(minutes=20), spent_s=200.0) == 75
    assert run.steps(Budget(minutes=999), spent_s=0.0) == 75
    assert run.steps(Budget(steps=7), spent_s=0.0) == 7


def test_a_budget_that_cannot_be_is_refused():
    with pytest.raises(ValueError, match="seeds expected a positive number, got 0"):
        Budget(seeds=0)
    with pytest.raises(ValueError, match="positive minutes"):
        Budget(minutes=0)
