"""What saves forward passes changes no token: every reply with a switch off is the reply with it on."""

from dataclasses import replace

import numpy as np
import pytest

from n3d_ros.boxes import Box3D
from n3d_ros.errors import BadInputError, ResultCode
from n3d_ros.preprocess.prepare import prepare
from n3d_ros.protocol.box_codec import encode
from n3d_ros.runtime.decoding.generate import FULL, PromptRows, generate
from n3d_ros.runtime.decoding.sampling import GREEDY, Sampler, Sampling
from n3d_ros.runtime.decoding.text import TextCodec, TextStream
from n3d_ros.runtime.decoding.trust import EXPECTED, TrustedDrafter
from n3d_ros.runtime.pipeline import Pipeline
from n3d_ros.runtime.steps import LOSSLESS, Steps, expected_labels
from n3d_ros.runtime.types import Listener
from n3d_ros.spatial import parse_question

MUG = Box3D("red mug", (-0.15, 0.05, 1.1), (0.09, 0.1, 0.08))
BOWL = Box3D("blue bowl", (0.2, 0.1, 1.3), (0.2, 0.12, 0.2))
QUESTION = "What is the distance between the red mug and the blue bowl?"
TRACE = "<think> The center of red mug is. The center of blue bowl is. </think> The distance is."
# Beyond the vocabulary of `Chain`'s replies.
NO_TOKEN = 99
NO_DRAFTS = replace(LOSSLESS, jump_forward=False, trace_drafts=False)


class Chain:
    """A backend whose next token depends on the last two: what it writes nobody can foresee, but it repeats
    itself.
    """

    def __init__(self, vocabulary, seed=0):
        self.vocabulary, self.seed, self.num_passes = vocabulary, seed, 0

    def embed(self, ids):
        return np.asarray(ids, dtype=np.int64)[:, None]

    def forward(self, cache, embeds, positions, logit_rows):
        self.num_passes += 1
        assert positions[0].tolist() == list(range(cache.length, cache.length + len(embeds)))
        start = cache.length
        cache.ids += embeds[:, 0].tolist()
        rows = [
            np.random.default_rng((self.seed, *cache.ids[start + row - 1 : start + row + 1]))
            for row in logit_rows
        ]
        return np.stack([rng.standard_normal(self.vocabulary) for rng in rows]).astype(np.float32)


class Guesser:
    """Guesses right, wrong and half right in turn, from the reply that a run without it wrote."""

    def __init__(self, ids, vocabulary, seed):
        self.ids, self.vocabulary, self.rng = ids, vocabulary, np.random.default_rng(seed)

    def draft(self, ids, text, room):
        num = int(self.rng.integers(0, 6))
        guess = list(self.ids[len(ids) : len(ids) + num])
        if guess and self.rng.random() < 0.5:
            guess[int(self.rng.integers(len(guess)))] = int(self.rng.integers(self.vocabulary))
        return guess


@pytest.fixture
def write(fake_backend, tokenizer):
    """`write(drafter, seed, sampling, **options)`: (generation, streamed chunks, backend, cache)."""
    scripted = fake_backend({})
    codec = TextCodec(scripted.tokenizer_path)

    def run(drafter=None, seed=0, sampling=GREEDY, **options):
        backend, chunks = Chain(40, seed), []
        cache = scripted.new_cache(200)
        prompt = PromptRows(backend.embed([1, 2, 3]), np.tile(np.arange(3), (3, 1)), 3)
        generation = generate(
            backend, cache, prompt, stream=TextStream(codec), stop_ids={0}, sampler=Sampler(sampling),
            on_token=lambda text, probability: chunks.append((text, probability)), drafter=drafter,
            **{"max_tokens": 60, **options},
        )  # fmt: skip
        return generation, chunks, backend, cache

    return run


@pytest.mark.parametrize("sampling", [Sampling(), Sampling(1.0, seed=3), Sampling(repetition_penalty=1.3)])
@pytest.mark.parametrize("seed", range(6))
def test_guesses_right_and_wrong_change_no_token_no_probability_and_no_piece_of_text(write, seed, sampling):
    plain, chunks, plain_backend, _ = write(seed=seed, sampling=sampling)
    drafted, drafted_chunks, backend, cache = write(Guesser(plain.token_ids, 40, seed), seed, sampling)
    assert drafted.token_ids == plain.token_ids and drafted.text == plain.text
    assert drafted.finish == plain.finish
    assert drafted_chunks == chunks
    assert drafted.num_accepted <= drafted.num_drafted
    assert backend.num_passes == drafted.num_forward_passes
    assert drafted.num_forward_passes == plain.num_forward_passes - drafted.num_accepted
    assert cache.ids[3:] == list(plain.token_ids[: len(cache.ids) - 3])


@pytest.mark.parametrize("seed", [0, 2])
def test_a_drafter_that_gives_up_changes_no_token_and_costs_few_drafted_ones(write, seed):
    plain, chunks, _, _ = write(seed=seed, max_tokens=150)
    drafter = TrustedDrafter(Knows([NO_TOKEN] * 200), EXPECTED)
    drafted, drafted_chunks, backend, _ = write(drafter, seed, max_tokens=150)
    assert (drafted.token_ids, drafted_chunks) == (plain.token_ids, chunks)
    assert 15 < drafted.num_drafted <= 40 and len(plain.token_ids) > 50
    assert backend.num_passes == plain.num_forward_passes


class Knows:
    """Guesses the reply itself, `longest` tokens at a time."""

    def __init__(self, ids, longest=99):
        self.ids, self.longest, self.rooms = ids, longest, []

    def draft(self, ids, text, room):
        self.rooms.append(room)
        return self.ids[len(ids) : len(ids) + min(room, self.longest)]


def test_a_limit_inside_a_guess_that_holds_ends_the_reply_there(write):
    plain, _, _, _ = write()
    assert plain.finish == FULL
    for limit in range(1, 12):
        drafter = Knows(plain.token_ids)
        drafted, _, _, cache = write(drafter, max_tokens=limit)
        assert (drafted.token_ids, drafted.finish) == (plain.token_ids[:limit], FULL)
        assert drafted.num_forward_passes == 1 and cache.length < 3 + limit
        assert drafter.rooms == ([limit - 1] if limit > 1 else [])


def test_a_pass_never_takes_more_tokens_than_engines_are_built_for(write):
    plain, _, _, _ = write()
    drafter = Knows(plain.token_ids)
    write(drafter)
    assert drafter.rooms[:3] == [15, 15, 15]


def test_cancel_is_asked_after_every_token_of_a_pass(write):
    plain, _, _, _ = write()
    seen = []

    drafted, _, backend, cache = write(
        Knows(plain.token_ids, 8), listener=Listener(should_cancel=lambda: seen.append(1) or len(seen) == 4)
    )
    assert (drafted.token_ids, drafted.finish, backend.num_passes) == (plain.token_ids[:3], "canceled", 1)
    assert cache.ids[3:] == list(plain.token_ids[:3])


@pytest.fixture
def scripted(fake_backend, observation):
    inputs = prepare(observation, fake_backend({}).config.preprocess())
    boxes = encode([MUG, BOWL], inputs.scene, inputs.intrinsics)
    replies = {
        "The 3D bbox of": TRACE,
        "First locate": boxes,
        "'red mug'": encode([MUG], inputs.scene, inputs.intrinsics),
    }
    return lambda steps=LOSSLESS: Pipeline(fake_backend(replies), steps=steps)


SWITCHED_OFF = [
    {"jump_forward": False},
    {"trace_drafts": False},
    {"frame_reuse": False},
    {"longest_draft": 1},
    {"early_start": False},
]


@pytest.mark.parametrize("off", SWITCHED_OFF, ids=lambda off: next(iter(off)))
def test_the_pipeline_writes_the_same_with_each_way_switched_off(scripted, observation, off):
    on, other = (
        scripted().ask(observation, QUESTION),
        scripted(replace(LOSSLESS, **off)).ask(observation, QUESTION),
    )
    assert on.token_ids == other.token_ids and on.ground.token_ids == other.ground.token_ids
    assert [thing.box for thing in on.objects] == [thing.box for thing in other.objects]
    assert other.timing.num_forward_passes >= on.timing.num_forward_passes


def test_an_object_under_another_name_is_guessed_about_and_still_has_no_exact_answer(
    fake_backend, observation
):
    inputs = prepare(observation, fake_backend({}).config.preprocess())
    boxes = encode([MUG, replace(BOWL, label="green can")], inputs.scene, inputs.intrinsics)
    trace = TRACE.replace("blue bowl", "green can")
    replies = {"The 3D bbox of": trace, "First locate": boxes, "'blue bowl'": boxes}
    backends = [fake_backend(replies) for _ in range(2)]
    drafted, plain = (
        Pipeline(backend, steps=steps).ask(observation, QUESTION)
        for backend, steps in zip(backends, (LOSSLESS, NO_DRAFTS), strict=True)
    )
    assert drafted.token_ids == plain.token_ids and drafted.answer == plain.answer
    assert "expected a box for 'blue bowl'" in drafted.message and drafted.message == plain.message
    assert drafted.value is drafted.consistent is None and drafted.computed == ""
    assert drafted.timing.num_answer_forward_passes < 0.6 * plain.timing.num_answer_forward_passes


def test_both_stages_need_fewer_passes_and_their_counts_add_up(scripted, observation):
    drafted, plain = (scripted(steps).ask(observation, QUESTION) for steps in (LOSSLESS, NO_DRAFTS))
    box, whole = drafted.ground.timing, drafted.timing
    assert plain.timing.num_drafted_tokens == 0
    assert plain.timing.num_forward_passes == plain.timing.num_tokens + 2
    assert box.num_forward_passes / box.num_tokens < 0.45
    assert whole.num_answer_forward_passes / whole.num_answer_tokens < 0.6
    assert whole.num_tokens == box.num_tokens + whole.num_answer_tokens
    assert whole.num_forward_passes == box.num_forward_passes + whole.num_answer_forward_passes
    assert whole.num_accepted_tokens == plain.timing.num_forward_passes - whole.num_forward_passes


def test_the_second_stage_keeps_what_its_prompt_shares_with_the_first(scripted, observation):
    result = scripted().ask(observation, QUESTION)
    assert result.ground.timing.num_reused_tokens == 0
    pipeline = scripted(replace(LOSSLESS, frame_reuse=False))
    assert pipeline.ask(observation, QUESTION).timing.num_reused_tokens == 0
    prompt = pipeline.backend.tokenizer.encode(pipeline.backend.prompts[1], add_special_tokens=False)
    shared = prompt.tokens.index(" The") if " The" in prompt.tokens else prompt.tokens.index("The")
    assert result.timing.num_reused_tokens == shared


def test_a_strict_grammar_leaves_good_boxes_and_makes_others_impossible(scripted, observation, fake_backend):
    strict = replace(LOSSLESS, grammar="strict")
    free = scripted().ground(observation, "red mug")
    assert scripted(strict).ground(observation, "red mug").token_ids == free.token_ids
    broken = Pipeline(fake_backend({"mug": "bbox_0=Bbox(red mug,1,2)\n"}), steps=strict)
    result = broken.ground(observation, "red mug", max_tokens=60)
    assert result.malformed == () or "cut off" in result.malformed[0].reason


@pytest.fixture
def codec(fake_backend):
    return TextCodec(fake_backend({}).tokenizer_path)


def test_an_expected_text_is_trusted_at_once_and_a_copy_only_a_little(codec):
    words = "red mug and blue bowl " * 4
    ids, read = codec.encode(words), codec.encode(QUESTION)
    assert LOSSLESS.for_answer(codec, "", words).drafter.draft([], "", 15) == ids[:15]
    short = replace(LOSSLESS, longest_draft=4)
    assert short.for_answer(codec, "", words).drafter.draft([], "", 15) == ids[:4]
    assert LOSSLESS.for_answer(codec, QUESTION, "").drafter.draft(read[:5], "", 15) == read[5:8]


def test_boxes_that_are_never_written_are_no_longer_guessed(codec):
    drafter = LOSSLESS.for_boxes(codec, "red mug", ()).drafter
    guesses = [drafter.draft([NO_TOKEN] * num, "", 15) for num in range(40)]
    assert len(guesses[0]) > 3 and guesses[-1] == []


def test_the_words_fix_the_class_and_a_question_its_objects():
    assert expected_labels("the  red mug") == ("red mug",)
    assert expected_labels(QUESTION, parse_question(QUESTION)) == ("red mug", "blue bowl")
    assert expected_labels("Detect boxes.") == expected_labels("What color is the mug?") == ()


@pytest.mark.parametrize(
    ("name", "value"), [("grammar", "loose"), ("longest_draft", 0), ("longest_draft", 16)]
)
def test_impossible_steps_are_refused_by_name(name, value):
    with pytest.raises(ValueError, match=name):
        Steps(**{name: value})


def test_a_backend_that_cannot_begin_early_says_so_and_answers_all_the_same(scripted, observation):
    pipeline = scripted()
    assert not pipeline.start(observation.rgb)
    assert pipeline.ground(observation, "red mug").code == ResultCode.OK


class EarlyBackend:
    """Adds early vision to the scripted backend; its blocks are the number of merged tokens."""

    has_early_vision = True

    def __init__(self, backend):
        self._backend, self.calls = backend, []

    def __getattr__(self, name):
        return getattr(self._backend, name)

    def encode_image(self, inputs):
        self.calls.append("whole")
        return self._backend.encode_image(inputs)

    def encode_blocks(self, pixel_values, grid_hw):
        self.calls.append("blocks")
        return np.full((len(pixel_values) // 4, 1), self.config.image_token_id)

    def finish(self, blocks, inputs):
        self.calls.append("finish")
        return blocks


@pytest.fixture
def early(scripted):
    return Pipeline(EarlyBackend(scripted().backend))


def test_a_picture_that_was_started_only_waits_for_its_depth(early, scripted, observation):
    buffer = observation.rgb.copy()
    assert early.start(buffer)
    buffer[:] = 0  # a camera that reuses its buffer changes nothing
    result = early.ground(observation, "red mug")
    assert early.backend.calls == ["blocks", "finish"]
    assert result.token_ids == scripted().ground(observation, "red mug").token_ids


def test_pixels_that_nobody_can_change_are_not_compared(early, observation, monkeypatch):
    held = observation.rgb.tobytes()
    first, again = (np.frombuffer(held, np.uint8).reshape(observation.rgb.shape) for _ in range(2))
    monkeypatch.setattr(np, "array_equal", None)
    early.start(first)
    early.ground(replace(observation, rgb=again), "red mug")
    assert early.backend.calls == ["blocks", "finish"]


def test_the_same_place_with_other_pixels_is_another_picture(early, observation):
    buffer = observation.rgb.copy()
    fixed = buffer.view()
    fixed.flags.writeable = False
    early.start(fixed)
    buffer[:] = 255 - buffer
    early.ground(replace(observation, rgb=fixed), "red mug")
    assert early.backend.calls == ["blocks", "whole"]


def test_another_picture_than_the_one_started_is_encoded_whole(early, observation):
    assert early.start(255 - observation.rgb)
    early.ground(observation, "red mug")
    assert early.backend.calls == ["blocks", "whole"]


def test_a_started_picture_serves_one_observation(early, observation):
    early.start(observation.rgb)
    early.ground(observation, "red mug")
    early.ground(replace(observation), "red mug")
    assert early.backend.calls == ["blocks", "finish", "whole"]


def test_early_start_can_be_switched_off(fake_backend, observation):
    backend = EarlyBackend(fake_backend({"mug": "\n"}))
    pipeline = Pipeline(backend, steps=replace(LOSSLESS, early_start=False))
    assert not pipeline.start(observation.rgb) and backend.calls == []


def test_a_picture_too_narrow_to_start_with_is_bad_input(early):
    with pytest.raises(BadInputError):
        early.start(np.zeros((1, 400, 3), np.uint8))
