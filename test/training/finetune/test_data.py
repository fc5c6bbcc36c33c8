"""A set of questions becomes rows: all of it, in an order that a seed decides, from any position on."""

import shutil
from collections import Counter
from itertools import islice

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("datasets")

from question_sets import questions_about, small_base, small_set, write_picture, write_set

from n3d_ros.runtime.decoding.text import TextCodec
from n3d_ros.training.finetune.configs import AS_IN_PAPER, Ablation, Stage
from n3d_ros.training.finetune.data import QuestionStore, RowStream
from n3d_ros.training.finetune.examples import ExampleMaker
from n3d_ros.training.finetune.models import preprocess_of
from n3d_ros.training.finetune.plan import Plan

GROUNDING = Stage("stage1_grounding", 1, 1e-3, 1.0)
MIXED = Stage("stage2_reasoning", 1, 1e-3, 0.5)


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    folder = tmp_path_factory.mktemp("set")
    small_set(folder)
    small_base(folder / "base")
    return folder


def stream(home, stage=MIXED, ablation=AS_IN_PAPER, max_tokens=400, seed=0, **processes):
    store = QuestionStore(home / "questions", home / "cache")
    plan = Plan(store.is_spatial, store.pictures, stage, ablation, 4, seed)
    maker = ExampleMaker(TextCodec(home / "base" / "tokenizer.json"), preprocess_of(home / "base"), ablation)
    return RowStream(store, plan, maker, max_tokens, **processes)


def first_rows(rows, count):
    return [row["input_ids"].tolist() for row in islice(rows, count)]


def asked(rows, num_turns):
    """How often each question stands in the first rows that hold `num_turns` turns."""
    turns = (planned.question.id for row in rows.planned_rows() for planned in row)
    return Counter(islice(turns, num_turns))


def test_an_epoch_of_the_first_stage_asks_every_question_for_boxes_once(home):
    found = asked(stream(home, GROUNDING), 8)
    assert set(found.values()) == {1} and all("mug" in id or "none" in id for id in found)


def test_a_mixed_epoch_has_both_turns_of_each_spatial_question_and_as_many_questions_for_boxes(home):
    found = asked(stream(home), 24)
    assert Counter(found.values()) == {2: 8, 1: 8}


def test_rows_hold_what_fits_and_no_more(home):
    rows = list(islice(iter(stream(home)), 6))
    assert all(200 < row["input_ids"].shape[1] <= 400 for row in rows)


def test_the_seed_decides_the_order_and_each_epoch_has_another(home):
    assert first_rows(stream(home), 4) == first_rows(stream(home), 4)
    assert first_rows(stream(home, seed=1), 4) != first_rows(stream(home), 4)
    plan = stream(home, GROUNDING).plan
    assert list(plan.epoch(0)) != list(plan.epoch(1))


def test_questions_about_one_picture_stand_together_and_share_it(home):
    for unit in stream(home).plan.epoch(0):
        assert len({number // 4 for number in unit}) == 1
    row = next(iter(stream(home, max_tokens=2000)))
    assert len(row["picture_index"]) > len(row["image_grid_thw"])


def test_going_on_at_a_row_gives_the_rows_from_there_on(home):
    rows = stream(home)
    rows.start_row = 3
    assert first_rows(rows, 3) == first_rows(stream(home), 6)[3:]


def test_processes_share_the_rows_of_one(home):
    together = [first_rows(stream(home, rank=rank, world_size=2), 2) for rank in (0, 1)]
    assert [together[0][0], together[1][0], together[0][1], together[1][1]] == first_rows(stream(home), 4)


def test_workers_of_a_loader_do_not_change_the_rows(home):
    from torch.utils.data import DataLoader

    loader = DataLoader(stream(home), batch_size=None, num_workers=2)
    assert first_rows(loader, 4) == first_rows(stream(home), 4)


def test_a_share_of_the_data_is_a_share_of_the_pictures_and_more_of_it_holds_less(home):
    pictures = np.repeat(np.random.default_rng(0).integers(0, 2**64, 1000, np.uint64), 2)
    chosen = [
        set(Plan(np.zeros(2000, bool), pictures, GROUNDING, Ablation(data_share=share), 4, seed=0).boxes)
        for share in (0.2, 0.4)
    ]
    assert chosen[0] < chosen[1] and 300 < len(chosen[0]) < 500
    assert {number ^ 1 for number in chosen[0]} == chosen[0]


def test_answered_directly_only_spatial_questions_are_asked_once_each(home):
    found = asked(stream(home, ablation=Ablation(answers="direct")), 8)
    assert set(found.values()) == {1} and not any("mug" in id or "none" in id for id in found)


def test_a_set_without_what_a_stage_needs_is_refused(home):
    boxes = np.zeros(4, bool)
    with pytest.raises(ValueError, match="stage2_reasoning: expected spatial questions in the set, got none"):
        Plan(boxes, np.zeros(4, np.uint64), MIXED, Ablation(), 4, seed=0)
    with pytest.raises(ValueError, match="expected detection or grounding questions"):
        Plan(~boxes, np.zeros(4, np.uint64), GROUNDING, Ablation(), 4, seed=0)


def test_what_cannot_be_asked_is_counted_and_the_rest_is_trained_on(tmp_path, home, caplog):
    from dataclasses import replace

    shutil.copytree(home / "base", tmp_path / "base")
    mug, none, *_ = questions_about(write_picture(tmp_path / "pictures", 0))
    strange = replace(mug, id="strange", text="the xylophone")
    write_set(tmp_path / "questions", [mug, none, strange])
    rows = stream(tmp_path, GROUNDING)
    assert set(asked(rows, 2)) == {mug.id, none.id}
    next(iter(rows))
    assert rows.left_out["cannot be asked"] >= 1
    assert "question 'strange' left out, cannot be asked: expected words that this model knows" in caplog.text
    assert "'xylophone'" in caplog.text


def test_what_will_be_left_out_is_known_before_and_changes_nothing(tmp_path, home):
    from dataclasses import replace

    shutil.copytree(home / "base", tmp_path / "base")
    mug, none, *_ = questions_about(write_picture(tmp_path / "pictures", 0))
    write_set(tmp_path / "questions", [mug, none, replace(mug, id="strange", text="the xylophone")])
    rows = stream(tmp_path, GROUNDING)
    assert rows.preview() == (3, {"cannot be asked": 1})
    assert rows.left_out == {}
    assert stream(home, GROUNDING, max_tokens=20).preview() == (8, {"too long": 8})


def test_what_workers_of_a_loader_leave_out_is_known_outside_of_them(tmp_path, home):
    from dataclasses import replace

    from torch.utils.data import DataLoader

    shutil.copytree(home / "base", tmp_path / "base")
    mug, none, *_ = questions_about(write_picture(tmp_path / "pictures", 0))
    write_set(tmp_path / "questions", [mug, none, replace(mug, id="strange", text="the xylophone")])
    rows = stream(tmp_path, GROUNDING, max_tokens=5000)
    next(rows.planned_rows())
    before = rows.left_out["cannot be asked"]
    first_rows(DataLoader(rows, batch_size=None, num_workers=2, prefetch_factor=1), 1)
    assert rows.left_out["cannot be asked"] > before > 0, "counted in a worker, known here"


def test_capitals_that_the_robot_would_write_small_are_no_unknown_words(tmp_path, home):
    from dataclasses import replace

    shutil.copytree(home / "base", tmp_path / "base")
    mug, *_ = questions_about(write_picture(tmp_path / "pictures", 0))
    write_set(tmp_path / "questions", [replace(mug, text=mug.text.upper())])
    rows = stream(tmp_path, GROUNDING)
    (planned, *_) = next(rows.planned_rows())
    assert "red mug" in planned.turn.prompt and rows.left_out == {}


def test_nothing_to_train_on_is_an_error_and_no_endless_search(home):
    with pytest.raises(ValueError, match="expected some to train on, got none; left out: .*too long"):
        next(iter(stream(home, max_tokens=20)))


def test_a_shard_that_is_damaged_or_another_is_refused_by_name(tmp_path, home):
    import pyarrow as pa
    import pyarrow.parquet as pq

    shutil.copytree(home / "questions", tmp_path / "questions")
    shard = next(iter(sorted((tmp_path / "questions").glob("shard-*.parquet"))))
    whole = pq.read_table(shard)
    pq.write_table(whole.slice(1), shard)
    with pytest.raises(ValueError, match=rf"{shard.name}': expected {len(whole)} questions"):
        QuestionStore(tmp_path / "questions", tmp_path / "cache")
    pq.write_table(pa.table({"a": [1] * len(whole)}), shard)
    with pytest.raises(ValueError, match=rf"{shard.name}': expected the columns"):
        QuestionStore(tmp_path / "questions", tmp_path / "cache")
    shard.write_bytes(b"PAR1")
    with pytest.raises(ValueError, match=rf"{shard.name}': expected a shard of questions"):
        QuestionStore(tmp_path / "questions", tmp_path / "cache")


def test_a_changed_picture_is_refused_by_name(tmp_path, home):
    shutil.copytree(home / "base", tmp_path / "base")
    picture = write_picture(tmp_path / "pictures", 0)
    write_set(tmp_path / "questions", questions_about(picture))
    write_picture(tmp_path / "pictures", 1)
    shutil.copyfile(tmp_path / "pictures" / "1.png", picture.file)
    with pytest.raises(ValueError, match="SHA-256"):
        next(iter(stream(tmp_path)))


def test_without_depth_every_patch_has_the_same_code_and_boxes_a_fixed_scale(home):
    rows = stream(home, ablation=Ablation(depth="none", unit_m=2.0))
    question = rows.store.question(0)
    inputs = rows.maker.picture(question)
    assert not inputs.coords.any() and rows.maker.picture(question).scene.scale == 0.5
    assert stream(home).maker.picture(question).coords.any()


def test_a_row_is_what_the_robot_would_send(home):
    """The same ids and positions as the pipeline's own prompt of that picture."""
    from n3d_ros.runtime.backends.pytorch.backend import TorchBackend
    from n3d_ros.runtime.frame import EncodedFrame
    from n3d_ros.training.qa.sets import load_observation

    rows = stream(home, GROUNDING)
    planned = next(rows.planned_rows())[0]
    example = rows.maker.example(planned.turn, rows.maker.picture(planned.question))
    backend = TorchBackend(home / "base")
    frame = EncodedFrame(backend, rows.maker.codec, load_observation(planned.question.picture))
    prompt, _, _ = frame.prompt_rows(planned.turn.prompt)
    assert example.ids[: example.num_prompt].tolist() == frame.prompt
    assert example.positions[:, : example.num_prompt].tolist() == prompt.positions.tolist()
    np.testing.assert_array_equal(rows.maker.picture(planned.question).coords, frame.inputs.coords)
