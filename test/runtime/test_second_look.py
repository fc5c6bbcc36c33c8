"""The second look: where it looks, the way back to metres, and that it changes no more than the boxes."""

import math
from dataclasses import replace

import numpy as np
import pytest
from by_picture import ByPicture

from n3d_ros.boxes import Box3D
from n3d_ros.errors import ResultCode
from n3d_ros.geometry import Distortion, Intrinsics, project
from n3d_ros.preprocess.prepare import Observation, prepare
from n3d_ros.protocol.box_codec import encode
from n3d_ros.runtime.looks.looking import Doubt, Wanted
from n3d_ros.runtime.looks.second_look import (
    Look,
    confirmed,
    cropped,
    has_room,
    looks,
    mean_box,
    mirrored,
    mirrored_box,
    nearest,
    part_around,
    shared_parts,
)
from n3d_ros.runtime.options import Options
from n3d_ros.runtime.pipeline import Pipeline
from n3d_ros.runtime.types import GroundedObject, Listener

MUG = Box3D("red mug", (-0.15, 0.05, 1.1), (0.09, 0.1, 0.08))
BOWL = Box3D("blue bowl", (0.2, 0.1, 1.3), (0.2, 0.12, 0.2))


SURE = 16.0


def found(box, rectangle=(20.0, 20.0, 26.0, 30.0), number=0):
    return GroundedObject(f"{number}_{box.label}", box, rectangle, "words", number)


@pytest.fixture
def looking(fake_backend, observation):
    """`looking(mode, replies to the first picture, to the second)` -> pipeline."""

    def make(mode, *replies):
        script = ByPicture(*replies)
        script.backend = fake_backend(script)
        script.backend.top_logit = SURE
        return Pipeline(script.backend, options=Options(second_look=mode))

    return make


@pytest.fixture
def text_in(fake_backend):
    """`text_in(observation, boxes)`: what a model writes of them there."""
    config = fake_backend({}).config.preprocess()

    def text(seen, *boxes):
        inputs = prepare(seen, config)
        return encode(boxes, inputs.scene, inputs.intrinsics)

    return text


def test_a_mirror_twice_is_the_observation_itself(observation):
    again = mirrored(mirrored(observation))
    np.testing.assert_array_equal(again.rgb, observation.rgb)
    np.testing.assert_array_equal(again.depth, observation.depth)
    assert again.intrinsics == observation.intrinsics and mirrored_box(mirrored_box(MUG)) == MUG


def test_a_point_is_seen_in_the_mirrored_pixel():
    k = Intrinsics(60.0, 60.0, 28.0, 23.5, 64, 48)
    points = np.linspace(0.5, 3, 48 * 64 * 3, dtype=np.float32).reshape(48, 64, 3)
    seen = mirrored(Observation(np.zeros((48, 64, 3), np.uint8), k, point_map=points))
    u, v = project(np.array([MUG.center]), k)[0]
    turned = project(np.array([mirrored_box(MUG).center]), seen.intrinsics)[0]
    assert turned == pytest.approx((63 - u, v))
    assert seen.point_map[3, 0].tolist() == [-points[3, 63, 0], *points[3, 63, 1:]]


def test_a_part_has_the_cameras_own_frame(observation):
    part = (10, 6, 32, 24)
    seen = cropped(observation, part)
    np.testing.assert_array_equal(seen.rgb, observation.rgb[6:30, 10:42])
    np.testing.assert_array_equal(seen.depth, observation.depth[6:30, 10:42])
    whole = project(np.array([MUG.center]), observation.intrinsics)[0]
    assert project(np.array([MUG.center]), seen.intrinsics)[0] == pytest.approx(whole - [10, 6])


def test_depth_of_another_size_is_cut_at_the_same_place(observation):
    half = replace(observation, depth=np.ascontiguousarray(observation.depth[::2, ::2]))
    np.testing.assert_array_equal(cropped(half, (10, 6, 32, 24)).depth, half.depth[3:15, 5:21])


K = Intrinsics(60.0, 60.0, 31.5, 23.5, 64, 48)


@pytest.mark.parametrize(
    ("rectangle", "part"),
    [
        ((20, 20, 26, 30), (7, 13, 32, 24)),
        ((0, 0, 4, 4), (0, 0, 32, 24)),
        ((60, 44, 64, 48), (32, 24, 32, 24)),
        ((20, 10, 44, 20), (14, 2, 36, 27)),
        ((5, 10, 60, 30), None),
        (None, None),
    ],
)
def test_the_part_lies_around_the_object_and_inside_the_picture(rectangle, part):
    assert part_around(found(MUG, rectangle), K) == part


@pytest.mark.parametrize(
    ("second", "num_parts"),
    [((26, 22, 30, 28), 1), ((20, 20, 36, 30), 2), ((50, 20, 54, 24), 2)],
    ids=["beside it", "too large for room around it", "outside"],
)
def test_objects_that_one_part_shows_with_room_share_it(second, num_parts):
    mug, bowl = found(MUG), found(BOWL, second, number=1)
    parts = shared_parts([mug, bowl, found(MUG, None, number=2)], K)
    assert [thing for things in parts.values() for thing in things] == [mug, bowl]
    assert len(parts) == num_parts and next(iter(parts)) == part_around(mug, K)


def test_room_ends_where_the_picture_does():
    corner = found(MUG, (0, 0, 10, 10))
    assert has_room((0, 0, 26, 19), corner, K) and not has_room((1, 0, 26, 19), corner, K)


@pytest.mark.parametrize(
    ("other", "same"),
    [
        (replace(MUG, center=(-0.1, 0.05, 1.1)), True),
        (replace(MUG, center=(0.0, 0.05, 1.1)), False),
        (replace(MUG, label="Red Mug"), True),
        (replace(MUG, label="red can"), False),
        (replace(MUG, yaw=0.3), False),
    ],
)
def test_the_same_object_has_the_name_the_place_and_the_turn(other, same):
    assert (nearest(MUG, [BOWL, other]) is other) == same


def test_each_box_confirms_one_object():
    twin = replace(MUG, center=(-0.14, 0.05, 1.1))
    look = Look(None, (found(MUG), found(twin, number=1)), mirrored_box)
    first, second = confirmed(look, [mirrored_box(MUG)], K)
    assert first.box == MUG and second.box == twin


def test_of_the_size_one_look_may_count_more():
    other = replace(MUG, size=(0.15, 0.16, 0.11))
    assert mean_box(MUG, other, 2 / 3).size == pytest.approx((0.11, 0.12, 0.09))


def test_the_mean_is_of_every_number():
    other = Box3D("red mug", (-0.05, 0.15, 1.3), (0.19, 0.2, 0.28), 0.04, 0.5)
    mean = mean_box(MUG, other)
    assert (*mean.center, *mean.size) == pytest.approx((-0.1, 0.1, 1.2, 0.14, 0.15, 0.18))
    assert (mean.label, mean.yaw, mean.score) == ("red mug", 0.02, 0.75)


def test_what_a_mirror_cannot_show_is_looked_at_once(observation):
    lens = Distortion.stated("plumb_bob", [0.1, 0, 0, 0, 0])
    bent = replace(observation, intrinsics=replace(observation.intrinsics, distortion=lens))
    assert (
        looks("mirrored", bent, [found(MUG)]) == [] and len(looks("mirrored", observation, [found(MUG)])) == 1
    )
    assert looks("off", observation, [found(MUG)]) == looks("mirrored", observation, []) == []


@pytest.mark.parametrize("mode", ["mirrored", "closer"])
def test_a_box_is_the_mean_of_both_looks_and_told_once(looking, text_in, observation, mode):
    moved = replace(MUG, center=(-0.13, 0.07, 1.14), size=(0.15, 0.16, 0.14))
    once = Pipeline(looking("off", {"": text_in(observation, MUG)}).backend).ground(observation, "red mug")
    (look,) = looks(mode, observation, once.objects)
    pipeline = looking(
        mode,
        {"'red mug'": text_in(observation, MUG)},
        {"'red mug'": text_in(look.observation, look.back(moved))},
    )
    told = []
    result = pipeline.ground(observation, "the red mug", listener=Listener(on_box=told.append))
    (thing,) = result.objects
    expected = mean_box(MUG, moved, {"mirrored": 1 / 2, "closer": 2 / 3}[mode])
    assert (*thing.box.center, *thing.box.size) == pytest.approx(
        (*expected.center, *expected.size), abs=0.004
    )
    assert told == [thing] and thing.id == "0_red mug" and pipeline.backend.num_pictures == 2
    assert thing.box_2d_px != once.objects[0].box_2d_px


def test_a_box_is_told_as_soon_as_its_own_look_is_done(looking, text_in, observation):
    far = replace(BOWL, center=(0.3, -0.25, 1.1))
    pipeline = looking("closer", {"": text_in(observation, MUG, far)}, {"": "\n"})
    told = []
    hear = Listener(on_box=lambda thing: told.append((thing.id, pipeline.backend.num_pictures)))
    result = pipeline.ground(observation, "mug", listener=hear)
    assert told == [("0_red mug", 2), ("1_blue bowl", 3)]
    assert [thing.id for thing in result.objects] == ["0_red mug", "1_blue bowl"]


def test_a_second_look_that_finds_nothing_changes_nothing(looking, text_in, observation):
    first = {"": text_in(observation, MUG, BOWL)}
    once = looking("off", first).ground(observation, "mug")
    twice = looking("mirrored", first, {"": "\n"}).ground(observation, "mug")
    assert twice.objects == once.objects and twice.raw_text == once.raw_text


def test_a_model_folder_says_how_its_model_looks(looking, text_in, observation):
    pipeline = looking("off", {"": text_in(observation, MUG)}, {"": "\n"})
    backend = pipeline.backend
    backend.config = replace(backend.config, second_look="mirrored")
    Pipeline(backend).ground(observation, "mug")
    assert backend.num_pictures == 2
    Pipeline(backend, options=Options(second_look="off")).ground(observation, "mug")
    assert backend.num_pictures == 3


def test_a_part_without_depth_is_not_looked_at(looking, text_in, observation):
    depth = observation.depth.copy()
    depth[:40, :50] = np.nan
    holed = replace(observation, depth=depth)
    pipeline = looking("closer", {"": text_in(holed, MUG)})
    assert len(pipeline.ground(holed, "mug").objects) == 1 and pipeline.backend.num_pictures == 1


def test_who_cancels_is_not_kept_by_a_second_picture(looking, text_in, observation):
    pipeline = looking("mirrored", {"": text_in(observation, MUG)})
    told, written = [], []
    listener = Listener(written.append, told.append, should_cancel=lambda: ")" in "".join(written))
    result = pipeline.ground(observation, "mug", listener=listener)
    assert pipeline.backend.num_pictures == 1 and told == list(result.objects) != []


class Patience:
    """A `should_cancel` that says yes after `num` times no; `was_told`: it has."""

    def __init__(self, num):
        self.num, self.was_told = num, False

    def __call__(self):
        self.num -= 1
        self.was_told = self.num < 0
        return self.was_told


def stopped_at_every_moment(ask):
    """What `ask(listener)` gives where the listener cancels, once for every moment at which it can; and the
    whole result. The first moment has no result: the picture is not encoded yet.
    """
    stopped = []
    while True:
        patience = Patience(1 + len(stopped))
        result = ask(Listener(should_cancel=patience))
        if not patience.was_told:
            return stopped, result
        stopped.append(result)


@pytest.mark.parametrize("mode", ["mirrored", "closer"])
def test_what_is_stopped_in_a_second_look_is_not_ok(mode, looking, text_in, observation):
    first = {"": text_in(observation, MUG)}

    def ground(listener):
        return looking(mode, first, first).ground(observation, "red mug", listener=listener)

    stopped, whole = stopped_at_every_moment(ground)
    assert whole.code == ResultCode.OK and {one.code for one in stopped} == {ResultCode.CANCELED}
    assert stopped[-1].raw_text == whole.raw_text and len(stopped[-1].objects) == 1
    assert stopped[-1].message == "stopped before the second look was done"


def test_an_answer_from_what_a_stopped_second_look_left_is_not_ok(looking, text_in, observation):
    first = {"": text_in(observation, MUG)}

    def ask(listener):
        pipeline = looking("closer", first, first)
        return pipeline.ask(observation, "How many red mugs are there?", listener=listener)

    stopped, whole = stopped_at_every_moment(ask)
    assert (whole.code, whole.value) == (ResultCode.OK, 1)
    assert {(one.code, one.answer) for one in stopped} == {(ResultCode.CANCELED, "")}


def test_every_name_is_asked_for_in_one_mirrored_picture(looking, text_in, observation):
    pipeline = looking("mirrored", {"": text_in(observation, MUG, BOWL, MUG)}, {"": "\n"})
    pipeline.ground(observation, "mug")
    asked = [prompt.split("all the '")[1].split("'")[0] for prompt in pipeline.backend.prompts]
    assert asked == ["mug", "red mug", "blue bowl"] and pipeline.backend.num_pictures == 2


def test_a_question_is_answered_from_the_boxes_of_both_looks(looking, text_in, observation):
    moved = replace(MUG, center=(-0.25, 0.05, 1.1))
    back = text_in(mirrored(observation), mirrored_box(moved))
    replies = {"The 3D bbox": "far.", "distance": text_in(observation, MUG, BOWL)}
    pipeline = looking("mirrored", replies, {"The 3D bbox": "far.", "'red mug'": back, "'blue bowl'": "\n"})
    result = pipeline.ask(observation, "What is the distance between the red mug and the blue bowl?")
    assert result.value == pytest.approx(math.dist(mean_box(MUG, moved).center, BOWL.center), abs=0.004)
    assert result.objects == result.ground.objects


@pytest.mark.parametrize(
    ("first", "again", "is_guess", "there"),
    [(2.5, -1.4, False, True), (2.5, -1.6, False, False), (2.5, None, False, True), (None, -9.0, False, True),
     (-1.0, 2.1, True, True), (-1.0, 1.9, True, False), (-1.0, None, True, False)],
)  # fmt: skip
def test_both_looks_together_say_whether_what_was_asked_for_is_there(first, again, is_guess, there):
    doubt = Doubt(lambda label: first, Wanted.BY_NAME, is_guess)
    assert doubt.allows("red mug", again) == there


def test_what_a_question_takes_for_granted_is_missing_where_both_looks_say_so():
    doubt = Doubt(lambda label: -1.0, Wanted.IN_QUESTION)
    assert doubt.allows("red mug", -2.9) and not doubt.allows("red mug", -3.1)


def test_a_second_look_that_is_sure_asks_the_first_one_nothing():
    doubt = Doubt(lambda label: pytest.fail("asked"), Wanted.IN_QUESTION)
    assert doubt.allows("red mug", 0.1)


def unsure(pipeline, *top_logits):
    """The pipeline, whose tokens have these logits in the first picture, the second and so on."""
    backend, forward = pipeline.backend, pipeline.backend.forward

    def less_sure(*args):
        backend.top_logit = top_logits[min(backend.num_pictures, len(top_logits)) - 1]
        return forward(*args)

    backend.forward = less_sure
    return pipeline


def test_what_a_sure_closer_look_does_not_find_is_not_there(looking, text_in, observation):
    pipeline = unsure(looking("closer", {"": text_in(observation, MUG)}, {"": "\n"}), 12.0, SURE)
    told = []
    result = pipeline.ground(observation, "the red mug", listener=Listener(on_box=told.append))
    assert result.objects == () and told == [] and result.code == ResultCode.OK
    assert result.message == "nothing found for 'the red mug'; a closer look did not confirm: red mug"


def test_a_first_look_that_is_surer_stands(looking, text_in, observation):
    replies = {"": text_in(observation, MUG)}, {"": "\n"}
    for mode, logits in (("closer", (SURE, 12.0)), ("mirrored", (12.0, SURE))):
        (thing,) = unsure(looking(mode, *replies), *logits).ground(observation, "the red mug").objects
        assert thing.box.center == pytest.approx(MUG.center, abs=0.004)


def test_of_several_things_none_is_taken_away(looking, text_in, observation):
    pipeline = unsure(looking("closer", {"": text_in(observation, MUG, BOWL)}, {"": "\n"}), 12.0, SURE)
    assert len(pipeline.ground(observation, "mug").objects) == 2


@pytest.fixture
def guessing(fake_backend, tokenizer, text_in, observation):
    """`guessing(odds in the first picture, in the second, label)` -> pipeline that begins a box by these
    log-odds and, once it begins, writes one of `label`.
    """
    begin, nothing = (tokenizer.encode(text, add_special_tokens=False).ids[0] for text in ("bbox_", "\n"))

    def make(first, again, label="red mug"):
        backend = fake_backend({"": text_in(observation, replace(MUG, label=label))})
        backend.top_logit, forward = SURE, backend.forward

        def unsure_whether(cache, embeds, *args):
            logits = forward(cache, embeds, *args)
            if tokenizer.token_to_id("assistant\n") in embeds:
                logits[0] = -SURE
                logits[0][[begin, nothing]] = first if backend.num_pictures == 1 else again, 0.0
            elif cache.ids[-1] == nothing:
                logits[0] = 0.0
                logits[0][backend.config.stop_token_ids[0]] = SURE
            return logits

        backend.forward = unsure_whether
        return Pipeline(backend, options=Options(second_look="closer"))

    return make


@pytest.mark.parametrize(
    ("odds", "label", "num_pictures", "num_found"),
    [
        ((-1.0, 2.5), "red mug", 2, 1),
        ((-1.0, 1.5), "red mug", 2, 0),
        ((-4.0, 9.0), "red mug", 1, 0),
        ((-1.0, 2.5), "blue bowl", 1, 0),
    ],
    ids=["both say so", "a hair", "sure that there is none", "something else"],
)
def test_a_doubtful_first_look_has_its_best_guess_looked_at(
    guessing, observation, odds, label, num_pictures, num_found
):
    pipeline, told = guessing(*odds, label), []
    result = pipeline.ground(observation, "the red mug", listener=Listener(on_box=told.append))
    assert pipeline.backend.num_pictures == num_pictures and len(result.objects) == len(told) == num_found
    assert result.code == ResultCode.OK and bool(result.message) != bool(num_found)


def test_a_guess_that_cannot_be_looked_at_is_none(guessing, observation):
    depth = observation.depth.copy()
    depth[:40, :50] = np.nan
    pipeline = guessing(-1.0, 9.0)
    assert pipeline.ground(replace(observation, depth=depth), "the red mug").objects == ()


def test_that_nothing_is_there_is_not_said_where_the_look_at_a_guess_was_stopped(guessing, observation):
    def ground(listener):
        return guessing(-1.0, 2.5).ground(observation, "the red mug", listener=listener)

    stopped, whole = stopped_at_every_moment(ground)
    assert len(whole.objects) == 1 and {one.code for one in stopped} == {ResultCode.CANCELED}


class InTurn:
    """Replies to a prompt with "'red mug'", one after the other, and those of the other prompts."""

    def __init__(self, replies, others):
        self.replies, self.others, self.backend = replies, others, None

    def items(self):
        num_asked = sum("'red mug'" in prompt for prompt in self.backend.prompts)
        return {"'red mug'": self.replies[max(num_asked, 1) - 1], **self.others}.items()


def test_two_things_of_a_name_are_doubted_by_one_look_at_the_whole_picture(
    fake_backend, text_in, observation
):
    things = text_in(observation, MUG, replace(BOWL, label=MUG.label))
    backend = fake_backend({"'red mug'": "\n", "'blue bowl'": "\n", "distance": things})
    backend.top_logit = SURE
    pipeline = Pipeline(backend, options=Options(second_look="closer"))
    pipeline.ask(observation, "What is the distance between the red mug and the blue bowl?")
    # in each part, in the whole picture to doubt both, and there once more to find another one by its name
    num_parts = backend.num_pictures - 1
    assert sum("'red mug'" in prompt for prompt in backend.prompts) == num_parts + 2


@pytest.mark.parametrize("is_there", [True, False])
def test_a_question_about_what_both_looks_do_not_find_has_no_answer(
    fake_backend, text_in, observation, is_there
):
    """It takes its things for granted, so the whole picture is asked for the name, too."""
    in_whole = text_in(observation, MUG) if is_there else "\n"
    both, bowl = text_in(observation, MUG, BOWL), text_in(observation, BOWL)
    script = InTurn(["\n", in_whole, "\n"], {"The 3D bbox": "far.", "distance": both, "'blue bowl'": bowl})
    script.backend = fake_backend(script)
    script.backend.top_logit = SURE
    pipeline = Pipeline(script.backend, options=Options(second_look="closer"))
    result = pipeline.ask(observation, "What is the distance between the red mug and the blue bowl?")
    assert bool(result.answer) == is_there
    assert is_there or result.message == (
        "found 1 of the 2 objects that the question is about: blue bowl; nothing found for 'red mug'"
    )
