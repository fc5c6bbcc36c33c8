"""Where the numbers of a box are written, the model is shown whose they are."""

import pytest

pytest.importorskip("torch")

from n3d_ros.training.nano.labels import Labeller
from n3d_ros.training.nano.tokenizer import build_tokenizer
from n3d_ros.training.nano.vocabulary import known_words
from n3d_ros.training.questions import Sample


def looked_at_numbers(num_boxes, targets):
    """What is looked at where the seven numbers of each box are learned, in their order."""
    labeller = Labeller(build_tokenizer(known_words()))
    boxes = [f"bbox_{n}=Bbox(red mug,{n + 1}0,5,6,500,7,8,9)\n" for n in range(num_boxes)]
    segment = labeller.segment(Sample("red mug?", "".join(boxes), targets))
    numbers = {labeller.first_number + value for value in range(1000)}
    places = zip(segment.ids, segment.labels, segment.looked_at, strict=True)
    return [looked for id, label, looked in places if id == labeller.comma and label in numbers]


def test_the_numbers_of_each_box_look_at_its_own_object():
    assert looked_at_numbers(3, (4, 2, 7)) == [4] * 7 + [2] * 7 + [7] * 7


def test_boxes_beyond_the_targets_look_at_none():
    assert looked_at_numbers(2, (4,)) == [4] * 7 + [-1] * 7
