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


def test_where_the_next_box_begins_the_next_object_is_looked_at_not_the_last_one():
    labeller = Labeller(build_tokenizer(known_words()))
    boxes = [f"bbox_{n}=Bbox(red mug,{n + 1}0,5,6,500,7,8,9)\n" for n in range(3)]
    segment = labeller.segment(Sample("red mug?", "".join(boxes), (4, 2, 7)))
    begins = [
        looked
        for label, looked in zip(segment.labels, segment.looked_at, strict=True)
        if label == labeller.begin
    ]
    assert begins == [4, 2, 7]


TWO = (
    "<think> The z values are 0.45 for red mug and 0.73 for red bowl. The largest is 0.73 for red bowl. "
    "</think>"
)
THREE = (
    "<think> The z values are 0.45 for red mug, 0.73 for red bowl and 0.10 for blue can. "
    "From near to far they are 0.10 for blue can, 0.45 for red mug and 0.73 for red bowl. </think>"
)
OWNERS = {
    TWO: [" red 0.73", " bowl 0.73"],
    THREE: [" blue 0.10", " can 0.10", " red 0.45", " mug 0.45", " red 0.73", " bowl 0.73"],
    "<think> The size of red mug is [0.10, 0.20, 0.10]. </think> red mug is 0.20 meters in height.": [],
}


@pytest.mark.parametrize("answer", OWNERS)
def test_whose_a_chosen_value_is_points_at_the_name_beside_that_value(answer):
    labeller = Labeller(build_tokenizer(known_words()))
    segment = labeller.segment(Sample("Is it?", answer, (), ("red mug", "red bowl", "blue can")))
    tokens = [labeller.tokenizer.id_to_token(i) for i in segment.ids]
    pointed = []
    for label, place in zip(segment.labels, segment.owner, strict=True):
        if place >= 0:
            assert segment.ids[place] == label
            value = next(t for t in tokens[place::-1] if t.startswith("0."))
            pointed.append(f"{tokens[place]} {value}")
    assert pointed == OWNERS[answer]


def test_a_name_with_its_id_is_quoted_token_by_token():
    labeller = Labeller(build_tokenizer(known_words()))
    sample = Sample("How tall is 4_red mug?", "4_red mug is tall.", (), ("4_red mug",))
    segment = labeller.segment(sample)
    places = [place for place in segment.copied if place >= 0]
    assert places == [1000, 1001, 1002, 1003]
    assert [place for place in segment.quotable if place >= 1000] == places * 2


def test_boxes_beyond_the_targets_look_at_none():
    assert looked_at_numbers(2, (4,)) == [4] * 7 + [-1] * 7


def test_every_word_of_an_owner_points_at_its_value():
    labeller = Labeller(build_tokenizer(known_words()))
    segment = labeller.segment(Sample("Is it 0.99?", TWO, (), ("red mug", "red bowl")))
    tokens = [labeller.tokenizer.id_to_token(i) for i in segment.ids]
    behind = [f"{tokens[i]} {tokens[place]}" for i, place in enumerate(segment.value) if place >= 0]
    first, second = [" for 0.45", " red 0.45", " mug 0.45"], [" for 0.73", " red 0.73", " bowl 0.73"]
    assert behind == [*first, *second, *second]
