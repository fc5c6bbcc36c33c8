"""Public benchmarks in the documented form, and what is not in it."""

import io
import json
import pickle

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from n3d_ros.boxes import Box3D
from n3d_ros.files.conversations import Conversation, boxes_text, write_conversations
from n3d_ros.files.points_file import write_points
from n3d_ros.geometry import Intrinsics
from n3d_ros.preprocess.prepare import Observation
from n3d_ros.training.evaluation.asking.observe import Observer
from n3d_ros.training.evaluation.readers.benchmarks import READERS, read_benchmark

ALL = 1.0


def png(width=64, height=48):
    data = io.BytesIO()
    Image.fromarray(np.zeros((height, width, 3), np.uint8)).save(data, "PNG")
    return data.getvalue()


def srgpt(number, category, text, answer, boxes=((1, 2, 20, 30), (30, 5, 70, 40))):
    quantitative = category.endswith("_data") or category == "direction"
    return {
        "id": f"q{number}",
        "image_info": {"file_path": f"SUNRGBD/{number}.jpg", "width": 64, "height": 48},
        "text_q": text,
        "qa_info": {"type": "quantitative" if quantitative else "qualitative", "category": category},
        "conversations": [{"from": "human", "value": "<mask>"}, {"from": "gpt", "value": answer}],
        "bbox": [list(box) for box in boxes],
        "rle": [],
    }


SRGPT = [
    srgpt(0, "height_data", "What is the height of Region [0]?", "Region [0] is 3.2 feet tall."),
    srgpt(1, "direction", "If you are at Region [0], where will you find Region [1]?",
          "Region [1] is roughly at 10 o'clock from Region [0]."),
    srgpt(2, "thin_predicate", "Is Region [0] thinner than Region [1]?",
          "In fact, <mask> might be wider than <mask>."),
    srgpt(3, "short_predicate", "Is Region [0] shorter than Region [1]?",
          "Correct, Region [0] is not as tall as Region [1]."),
    srgpt(4, "left_choice", "Which is more to the left, Region [0] or Region [1]?",
          "Positioned to the left is Region [1]."),
    srgpt(5, "behind_predicate", "Is Region [0] behind Region [1]?", "That is False."),
]  # fmt: skip


@pytest.mark.parametrize("as_lines", [False, True])
def test_spatialrgpt_rows_become_questions_with_regions(tmp_path, as_lines):
    file = tmp_path / "SpatialRGPT-Bench_v1.json"
    file.write_text("\n".join(map(json.dumps, SRGPT)) if as_lines else json.dumps(SRGPT))
    read = read_benchmark("spatialrgpt", file, tmp_path / "pictures", tmp_path, 0.0)
    height, where, thin, short, left, behind = read.questions
    assert height.value == pytest.approx(3.2 * 0.3048) and (height.category, height.unit) == ("size", "m")
    assert (where.value, where.category) == (10, "direction")
    assert [one.verdict for one in (thin, short, behind)] == [False, True, False]
    assert (left.choice, left.choices) == ("Region [1]", ("Region [0]", "Region [1]"))
    assert left.drawn_px == ((1, 2, 20, 30), (30, 5, 64, 40)), "clipped to the picture"
    assert height.picture.file == str(tmp_path / "pictures/SUNRGBD/0.jpg")
    assert len(read.sha256) == 64 and "6 questions of 6 rows" in read.summary()


def bad_rows():
    good = SRGPT[0]
    yield "an object", 7
    yield "'qa_info'", {key: value for key, value in good.items() if key != "qa_info"}
    yield (
        "one length",
        {**good, "conversations": [good["conversations"][0], {"from": "gpt", "value": "tall"}]},
    )
    yield "its templates do", srgpt(9, "big_predicate", "Is Region [0] bigger than Region [1]?", "Maybe.")
    yield "names one region", srgpt(9, "left_choice", "Region [0] or Region [1]?", "Both.")
    yield "SpatialRGPT's", srgpt(9, "colour_predicate", "Is Region [0] red?", "Yes.")
    yield "left < right", {**good, "bbox": [[20, 2, 1, 30]]}
    yield "4 numbers", {**good, "bbox": [[1, 2, 3]]}
    yield "with rectangles", {**good, "bbox": []}
    yield "positive width", {**good, "image_info": {**good["image_info"], "width": 0}}
    yield "id of its own", good


@pytest.mark.parametrize(("reason", "row"), list(bad_rows()))
def test_a_damaged_row_is_counted_with_its_reason(tmp_path, reason, row):
    file = tmp_path / "bench.json"
    file.write_text(json.dumps([*SRGPT, row]))
    read = read_benchmark("spatialrgpt", file, None, tmp_path, 0.2)
    ((said, number),) = read.bad.items()
    assert reason in said and "(first: row 6)" in said and number == 1 and len(read.questions) == 6
    with pytest.raises(ValueError, match="at most 5% bad rows, got 1 of 7"):
        read_benchmark("spatialrgpt", file, None, tmp_path, 0.05)


def test_a_damaged_line_is_one_bad_row(tmp_path):
    file = tmp_path / "bench.jsonl"
    file.write_bytes(json.dumps(SRGPT[0]).encode() + b'\n{"id": \n\n' + json.dumps(SRGPT[1]).encode())
    read = read_benchmark("spatialrgpt", file, None, tmp_path, 0.5)
    assert len(read.questions) == 2 and list(read.bad.values()) == [1]


def cv_rows():
    common = {"type": "3D", "source": "Omni3D", "source_dataset": "SUNRGBD"}
    depth = {"idx": 5, "task": "Depth", "choices": ["table", "chair"], "answer": "(B)",
             "question": "Which object is closer to the camera taking this photo, the table (highlighted by "
             "a red box) or the chair (highlighted by a blue box)?"}  # fmt: skip
    distance = {"idx": 6, "task": "Distance", "question": "Which is closer to the bed, the lamp or the door?",
                "choices": ["lamp", "door"], "answer": "(A)"}  # fmt: skip
    flat = {
        "idx": 0,
        "type": "2D",
        "task": "Count",
        "question": "How many?",
        "choices": ["1", "2"],
        "answer": "(A)",
    }
    return [{**common, **depth}, {**common, **distance}, {**common, **flat}]


def test_cv_bench_parquet_gives_its_3d_half_and_writes_its_pictures(tmp_path):
    rows = [{**row, "image": {"bytes": png(), "path": "x.png"}} for row in cv_rows()]
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "test.parquet")
    read = read_benchmark("cv-bench-3d", tmp_path / "test.parquet", None, tmp_path / "out", 0.0)
    depth, distance = read.questions
    assert (depth.choice, depth.category, depth.id) == ("chair", "depth_order", "cv-bench-5")
    assert (distance.choice, distance.category) == ("lamp", "relative_distance")
    assert (depth.picture.width, depth.picture.height) == (64, 48)
    assert (tmp_path / "out/pictures/cv-bench-5.png").read_bytes() == png()


def test_cv_bench_lines_name_their_pictures(tmp_path):
    (tmp_path / "img").mkdir()
    (tmp_path / "img/5.png").write_bytes(png())
    rows = [{**row, "filename": f"img/{row['idx']}.png"} for row in cv_rows()]
    rows[1]["choices"] = ["lamp", "Lamp"]
    (tmp_path / "test.jsonl").write_text("\n".join(map(json.dumps, rows)))
    read = read_benchmark("cv-bench-3d", tmp_path / "test.jsonl", None, tmp_path, 0.5)
    assert [one.id for one in read.questions] == ["cv-bench-5"]
    assert "choices that differ" in next(iter(read.bad))
    rows[0]["answer"] = "(C)"
    (tmp_path / "test.jsonl").write_text("\n".join(map(json.dumps, rows)))
    with pytest.raises(ValueError, match="expected questions of CV-Bench-3D, got none"):
        read_benchmark("cv-bench-3d", tmp_path / "test.jsonl", None, tmp_path, ALL)


def test_cv_bench_of_another_edition_is_refused(tmp_path):
    pq.write_table(pa.table({"idx": [1], "text": ["x"]}), tmp_path / "test.parquet")
    with pytest.raises(ValueError, match="missing type, task, question"):
        read_benchmark("cv-bench-3d", tmp_path / "test.parquet", None, tmp_path, ALL)
    (tmp_path / "no.parquet").write_bytes(b"PAR1 or not")
    with pytest.raises(ValueError, match="expected a Parquet file"):
        read_benchmark("cv-bench-3d", tmp_path / "no.parquet", None, tmp_path, ALL)


def refcoco(folder, refs=None, protocol=2):
    folder.mkdir(exist_ok=True)
    image = {"id": 7, "file_name": "COCO_train2014_7.jpg", "width": 640, "height": 480}
    annotation = {"id": 70, "image_id": 7, "bbox": [10.0, 20.0, 30.0, 40.0], "category_id": 1}
    (folder / "instances.json").write_text(json.dumps({"images": [image], "annotations": [annotation]}))
    sentences = [{"sent_id": 1, "sent": "the left guy's hat"}, {"sent_id": 2, "sent": "man"}]
    usual = [
        {"ref_id": 3, "ann_id": 70, "image_id": 7, "split": "val", "sentences": sentences},
        {"ref_id": 4, "ann_id": 70, "image_id": 7, "split": "testA", "sentences": sentences},
    ]
    file = folder / "refs(unc).p"
    file.write_bytes(pickle.dumps(usual if refs is None else refs, protocol=protocol))
    return file


def test_refcoco_gives_a_question_for_each_sentence_of_a_split(tmp_path):
    read = read_benchmark("refcoco", refcoco(tmp_path / "refcoco"), tmp_path / "train2014", tmp_path, 0.0)
    first, second = read.questions
    assert (first.text, first.id, second.text) == ("the left guy s hat", "3-1", "man")
    assert first.true_px == ((10.0, 20.0, 40.0, 60.0),) and first.boxes == ()
    assert first.picture.file == str(tmp_path / "train2014/COCO_train2014_7.jpg")
    assert "split val" in read.notes and "refcoco refs(unc).p" in read.summary()


def test_refcoco_without_the_split_says_which_there_are(tmp_path):
    file = refcoco(tmp_path / "refcoco")
    with pytest.raises(ValueError, match=r"expected the split 'testB', got \['testA', 'val'\]"):
        read_benchmark("refcoco:testB", file, None, tmp_path, ALL)
    with pytest.raises(ValueError, match="got 'dev'"):
        read_benchmark("refcoco:dev", file, None, tmp_path, ALL)


class Evil:
    def __reduce__(self):
        return (print, ("run",))


def test_a_pickle_that_would_run_code_is_refused(tmp_path, capsys):
    with pytest.raises(ValueError, match="expected plain values"):
        read_benchmark("refcoco", refcoco(tmp_path / "refcoco", [Evil()]), None, tmp_path, ALL)
    assert capsys.readouterr().out == ""
    file = refcoco(tmp_path / "refcoco", {"no": "list"})
    with pytest.raises(ValueError, match="got dict"):
        read_benchmark("refcoco", file, None, tmp_path, ALL)
    file.write_bytes(b"\x80\x02]q")
    with pytest.raises(ValueError, match="expected a pickled list"):
        read_benchmark("refcoco", file, None, tmp_path, ALL)


def omni3d(folder, **changes):
    corners = [[x, y, z] for x in (-0.2, 0.2) for y in (0.0, 0.6) for z in (2.0, 2.5)]
    annotation = {
        "id": 1, "image_id": 9, "category_id": 4, "category_name": "chair", "valid3D": True,
        "bbox3D_cam": corners,
        "behind_camera": False, "truncation": 0.1, "visibility": 0.9, "lidar_pts": -1, "segmentation_pts": -1,
        "depth_error": -1,
    }  # fmt: skip
    table = {**annotation, "id": 2, "category_name": "table"}
    image = {
        "id": 9, "dataset_id": 0, "width": 640, "height": 480, "file_path": "SUNRGBD/a.jpg",
        "K": [[500, 0, 319.5], [0, 500, 239.5], [0, 0, 1]],
    }  # fmt: skip
    file = folder / "Omni3D_test.json"
    content = {
        "info": {},
        "images": [image],
        "categories": [],
        "annotations": [{**annotation, **changes}, table],
    }
    file.write_text(json.dumps(content))
    return file


def test_omni3d_asks_for_every_class_of_a_picture(tmp_path):
    read = read_benchmark("omni3d", omni3d(tmp_path), tmp_path, tmp_path, 0.0)
    chair, table = read.questions
    assert (chair.text, table.text) == ("chair", "table")
    assert chair.boxes[0].center_m == pytest.approx((0.0, 0.3, 2.25))
    assert chair.boxes[0].size_m == pytest.approx((0.4, 0.6, 0.5))
    assert chair.picture.intrinsics == Intrinsics(500, 500, 319.5, 239.5, 640, 480)
    assert "not those of Omni3D's own evaluation" in read.summary()


@pytest.mark.parametrize(
    "changes",
    [
        {"valid3D": False},
        {"behind_camera": True},
        {"visibility": 0.005},
        {"depth_error": 0.6},
        {"lidar_pts": 0},
    ],
)
def test_omni3d_leaves_out_classes_with_things_to_be_ignored(tmp_path, changes):
    read = read_benchmark("omni3d", omni3d(tmp_path, **changes), None, tmp_path, 0.0)
    assert [one.id for one in read.questions] == ["9-table"] and not read.bad


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"bbox3D_cam": [[0, 0, 1]] * 8}, "flat"),
        ({"bbox3D_cam": [[0, 0, 1]]}, "8 corners"),
        ({"image_id": 8}, "unknown image_id"),
    ],
)
def test_omni3d_counts_damaged_annotations(tmp_path, changes, reason):
    read = read_benchmark("omni3d", omni3d(tmp_path, **changes), None, tmp_path, 0.5)
    assert len(read.questions) == 1 and reason in next(iter(read.bad))


def conversation(folder, *messages, kind="2p_height_data_meters"):
    Image.fromarray(np.zeros((48, 64, 3), np.uint8)).save(folder / "demo.png")
    camera = Intrinsics(60.0, 60.0, 31.5, 23.5, 64, 48)
    seen = Observation(np.zeros((48, 64, 3), np.uint8), camera, depth=np.full((48, 64), 2.0, np.float32))
    write_points(folder / "demo.npz", seen)
    write_conversations(folder / "bench.json", [Conversation(messages, "demo.png", "demo.npz", kind)])
    return folder / "bench.json"


PERSON = Box3D("Person", (0.5, 0.0, 2.0), (0.6, 0.9, 0.8))
TURNED = boxes_text([Box3D("Person", PERSON.center, PERSON.size, yaw=0.3)], [(0.7, 0.5)], [0])
BOXES = boxes_text([PERSON], [(0.5 + 15 / 64, 0.5)], [0])


def test_n3d_bench_in_the_form_of_the_published_demo(tmp_path):
    file = conversation(tmp_path, "<image>What is the height of person?", BOXES)
    (question,) = read_benchmark("n3d-bench", file, None, tmp_path, 0.0).questions
    assert question.value == pytest.approx(0.9) and question.category == "size"
    assert (
        question.boxes[0].center_m == pytest.approx(PERSON.center)
        and question.form == "2p_height_data_meters"
    )
    seen = Observer().observe(question)
    assert seen.point_map is not None and seen.intrinsics == question.picture.intrinsics


@pytest.mark.parametrize(
    ("messages", "reason"),
    [
        (("<image>What is the height of person?", BOXES, "0.9 meters?"), "got 3 messages"),
        (("<image>Why is the person sad?", BOXES), "question that is understood"),
        (("<image>What is the height of the dog?", BOXES), "boxes for what is asked about"),
        (("<image>What is the height of person?", "none"), "expected true boxes"),
        (("<image>What is the height of person?", TURNED), "not turned"),
    ],
)  # fmt: skip
def test_n3d_bench_in_any_other_form_is_an_error(tmp_path, messages, reason):
    with pytest.raises(ValueError, match=reason):
        read_benchmark("n3d-bench", conversation(tmp_path, *messages), None, tmp_path, 0.0)


def test_a_benchmark_without_a_known_form_says_so(tmp_path):
    with pytest.raises(ValueError, match="never published, nor was their form"):
        read_benchmark("objects365-3d", tmp_path / "x.json", None, tmp_path, 0.0)
    with pytest.raises(ValueError, match=READERS[0]):
        read_benchmark("vqa", tmp_path / "x.json", None, tmp_path, 0.0)


def test_the_same_question_twice_is_kept_and_said(tmp_path):
    file = tmp_path / "bench.json"
    twin = {**SRGPT[0], "id": "other"}
    file.write_text(json.dumps([SRGPT[0], twin]))
    read = read_benchmark("spatialrgpt", file, None, tmp_path, 0.0)
    assert len(read.questions) == 2 and "1 questions are there a second time" in read.notes
