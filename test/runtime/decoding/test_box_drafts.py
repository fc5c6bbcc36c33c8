"""Jump-forward: what the box grammar forces is guessed as the tokenizer cuts it, and nothing else."""

import pytest
from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers

from n3d_ros.protocol.box_codec import format_box
from n3d_ros.runtime.decoding.box_drafts import BoxDrafter, has_number_tokens, header_tokens, tokens_behind
from n3d_ros.runtime.decoding.text import TextCodec

# How Qwen2.5 cuts text before it merges bytes: a mark joins the letters behind it, digits stand alone.
QWEN_PIECES = Regex(
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*"
    r"|\s*[\r\n]+|\s+(?!\S)|\s+"
)

LABELS = ["red mug", "night stand", "chair", "blue bowl"]
NUMBERS = [(512, 347, 128, 500, 120, 200, 310), (109, 998, 455, 500, 401, 110, 999)]


@pytest.fixture(scope="module")
def like_qwen(tmp_path_factory):
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(QWEN_PIECES, "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    text = ["".join(format_box(n, label, NUMBERS[0]) + ")\n" for n in range(3)) for label in LABELS]
    tokenizer.train_from_iterator(
        text,
        trainers.BpeTrainer(
            vocab_size=400,
            special_tokens=["<|im_end|>"],
            initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
            show_progress=False,
        ),
    )
    path = tmp_path_factory.mktemp("qwen") / "tokenizer.json"
    tokenizer.save(str(path))
    return TextCodec(path)


@pytest.fixture
def nano(tokenizer, tmp_path):
    tokenizer.save(str(tmp_path / "tokenizer.json"))
    return TextCodec(tmp_path / "tokenizer.json")


def pieces(codec, ids):
    return [codec.decode([token]) for token in ids]


def guess(codec, text, labels=()):
    return pieces(codec, BoxDrafter(codec, labels).draft(codec.encode(text), text, 99))


def passes(codec, text, labels=()):
    """Forward passes for box text of a model that writes exactly `text` and then stops."""
    ids, written, count = codec.encode(text), 0, 0
    drafter = BoxDrafter(codec, labels)
    while written <= len(ids):
        draft = drafter.draft(ids[:written], codec.decode(ids[:written]), 99)
        held = 0
        while held < len(draft) and written + held < len(ids) and draft[held] == ids[written + held]:
            held += 1
        written, count = written + held + 1, count + 1
    return count, len(ids)


def box_text(*labels):
    lines = [format_box(n, label, NUMBERS[n % 2]) + "\n" for n, label in enumerate(labels)]
    return "".join(lines)


def test_a_number_token_is_known_from_single_digits(nano, like_qwen):
    assert has_number_tokens(nano) and not has_number_tokens(like_qwen)


def test_a_box_begins_with_its_class_where_the_words_fix_it(nano):
    assert guess(nano, "", ["red mug"]) == ["bbox_", "0", "=", "Bbox(", "red", " mug", ","]
    assert guess(nano, "") == ["bbox_", "0", "=", "Bbox("]


def test_a_parenthesis_that_merges_with_class_names_is_left_to_the_model(like_qwen):
    assert pieces(like_qwen, like_qwen.encode("Bbox(chair"))[-1] == "(chair"
    assert "".join(guess(like_qwen, "")) == "bbox_0=Bbox"
    assert "".join(guess(like_qwen, "", ["chair"])) == "bbox_0=Bbox(chair,"
    assert guess(like_qwen, "", ["chair"])[-2:] == ["(chair", ","]


def test_a_guessed_header_is_cut_as_the_tokenizer_cuts_the_whole_line(nano, like_qwen):
    for codec in (nano, like_qwen):
        for label in ("red mug", "blue bowl"):
            whole = codec.encode(box_text(label))
            assert tuple(whole)[: len(header_tokens(codec, 0, label))] == header_tokens(codec, 0, label)


def test_a_comma_follows_a_whole_number(nano):
    assert guess(nano, "bbox_0=Bbox(red mug,5") == [","]
    assert guess(nano, "bbox_0=Bbox(red mug,5,") == []


def test_one_digit_per_token_leaves_the_comma_open_until_there_are_three(like_qwen):
    start = "bbox_0=Bbox(chair,"
    assert [guess(like_qwen, start + digits) for digits in ("5", "51", "512")] == [[], [], [","]]


def test_the_angle_of_a_box_that_is_not_turned_is_guessed_and_then_the_last_one(nano):
    assert guess(nano, "bbox_0=Bbox(red mug,1,2,3") == [",", "500", ","]
    text = "bbox_0=Bbox(red mug,1,2,3,470,5,6,7)\nbbox_1=Bbox(blue bowl,1,2,3"
    assert guess(nano, text) == [",", "470", ","]


def test_behind_the_last_number_comes_the_next_box(nano, like_qwen):
    text = "bbox_0=Bbox(red mug,1,2,3,500,5,6,700"
    assert guess(nano, text, ["red mug", "blue bowl"]) == [
        ")\n", "bbox_", "1", "=", "Bbox(", "blue", " bowl", ",",
    ]  # fmt: skip
    assert "".join(guess(like_qwen, text)) == ")\nbbox_1=Bbox(red mug,"


def test_further_boxes_are_expected_to_be_called_as_the_last_one(nano):
    text = "bbox_0=Bbox(red mug,1,2,3,500,5,6,7)\n"
    assert guess(nano, text)[-3:] == guess(nano, text, ["mug"])[-3:] == ["red", " mug", ","]
    assert guess(nano, text, ["red mug", "blue bowl"])[-3:] == ["blue", " bowl", ","]


def test_a_class_name_is_completed_where_it_begins_like_an_expected_one(nano):
    assert guess(nano, "bbox_0=Bbox(blue", ["red mug", "blue bowl"]) == [" bowl", ","]
    assert guess(nano, "bbox_0=Bbox(red", ["mug"]) == [" mug", ","]
    assert guess(nano, "bbox_0=Bbox(green") == []


def test_decimals_of_the_centre_are_expected_once_there_was_one(like_qwen):
    assert guess(like_qwen, "bbox_0=Bbox(chair,512.25,512") == []
    assert guess(like_qwen, "bbox_0=Bbox(chair,512.25,512.5,128") == [*",500,"]


@pytest.mark.parametrize(
    "text", ["\n", "the mug", "bbox_0=Bbox(mug,1,2,3,4,5,6,7)", "bbox_x", "bbox_0=Bbox(,"]
)
def test_text_that_is_no_box_gets_no_guess(nano, text):
    assert guess(nano, text) == []


def test_a_token_that_reaches_across_an_end_of_what_is_forced_is_no_guess(like_qwen):
    assert pieces(like_qwen, tokens_behind(like_qwen, "", "bbox_0=Bbox(", "chair,"))[-1].endswith("box")
    assert tokens_behind(like_qwen, "bbox_0=Bbox(ch", "air,", "5") == []


def test_no_more_than_there_is_room_for(nano):
    assert len(BoxDrafter(nano, ["red mug"]).draft([], "", 3)) == 3


@pytest.mark.parametrize(("fixture", "free", "known"), [("nano", 0.45, 0.35), ("like_qwen", 0.7, 0.6)])
def test_forward_passes_per_token_of_box_text(request, fixture, free, known):
    codec, labels = request.getfixturevalue(fixture), ["red mug", "blue bowl", "green can"]
    text = box_text(*labels)
    for wanted, limit in (((), free), (labels, known)):
        count, num_tokens = passes(codec, text, wanted)
        assert count / num_tokens <= limit
