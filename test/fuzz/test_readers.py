"""Whatever bytes come, every reader returns or ends in its documented error."""

import json

import fuzz_readers
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

pytest.importorskip("pycocotools", reason="needs the packages of training")
import fuzz_sets

TARGETS = fuzz_readers.TARGETS | fuzz_sets.TARGETS
SEEDS = fuzz_readers.seeds() | fuzz_sets.seeds()
JSON_TARGETS = [name for name, (first, *_) in SEEDS.items() if first[:1] in (b"{", b"[")]
STEADY = settings(
    max_examples=100,
    derandomize=True,  # the same on every machine: what fails here is a change of ours
    deadline=None,
    database=None,
    suppress_health_check=list(HealthCheck),
)
ODD_NUMBERS = st.sampled_from([-1, 0, 1, 2**31, 2**63, 2**64, 10**400, 1e308, 5e-324, 0.5, True, False])
ODD_TEXTS = st.sampled_from(["", ".", "../x", "a\0b", "\x1b[31m", "\u202e", "<|im_end|>", "NaN", "x" * 9999])
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9) | ODD_NUMBERS | ODD_TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner, max_size=4),
    max_leaves=6,
)


def places(value, path=()):
    """The path of every value inside a JSON value, itself included."""
    yield path
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        yield from places(inner, (*path, key))


def replaced(value, path, new):
    """A copy with another value at a path."""
    if not path:
        return new
    copy = dict(value) if isinstance(value, dict) else list(value)
    copy[path[0]] = replaced(value[path[0]], path[1:], new)
    return copy


@st.composite
def damaged(draw, files):
    """A right file with a few bytes changed, cut out, put in or cut off."""
    data = bytearray(draw(st.sampled_from(files)))
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(data)))
        how = draw(st.integers(0, 3))
        if how == 0 and at < len(data):
            data[at] = draw(st.integers(0, 255))
        elif how == 1:
            del data[at : at + draw(st.integers(1, 16))]
        elif how == 2:
            data[at:at] = draw(st.binary(max_size=16))
        elif how == 3:
            del data[at:]
    return bytes(data)


@st.composite
def with_other_values(draw, text):
    """Right JSON with other values in one or two places, or other names."""
    value = json.loads(text)
    for _ in range(draw(st.integers(1, 2))):
        value = replaced(value, draw(st.sampled_from(list(places(value)))), draw(VALUES))
    return json.dumps(value).encode()


@pytest.mark.parametrize("name", TARGETS)
def test_right_files_end_well(name):
    for data in SEEDS[name]:
        TARGETS[name](data)


@pytest.mark.parametrize("name", TARGETS)
def test_damaged_files_end_in_the_documented_error(name):
    @STEADY
    @given(damaged(SEEDS[name]) | st.binary(max_size=200))
    def run(data):
        TARGETS[name](data)

    run()


@pytest.mark.parametrize("name", JSON_TARGETS)
def test_json_of_other_values_ends_in_the_documented_error(name):
    @STEADY
    @given(with_other_values(SEEDS[name][0]))
    def run(data):
        TARGETS[name](data)

    run()


NUMBERS = (
    st.floats().map(repr) | st.integers().map(str) | st.sampled_from(["1e154", "-1e300", "9" * 5000, ""])
)
BOXES = st.builds(
    lambda index, label, numbers: f"bbox_{index}=Bbox({label},{','.join(numbers)})\n",
    st.integers(0, 10**12) | st.just("1" * 5000),
    st.text(max_size=12) | ODD_TEXTS,
    st.lists(NUMBERS, min_size=6, max_size=8),
)


def test_boxes_of_any_numbers_are_read_or_malformed_and_can_be_drawn():
    @STEADY
    @given(st.lists(BOXES | st.text(max_size=20), max_size=4).map("".join))
    def run(text):
        TARGETS["model text"](text.encode("utf-8", "replace"))

    run()


ENTRY = st.fixed_dictionaries(
    {
        "dtype": st.sampled_from(["F32", "F16", "BF16", "U8", "F64", "", 3]),
        "shape": st.lists(st.integers(-2, 9) | ODD_NUMBERS, max_size=3) | VALUES,
        "data_offsets": st.lists(st.integers(-1, 40) | ODD_NUMBERS, max_size=3) | VALUES,
    }
)


def test_safetensors_headers_of_any_shapes_and_ranges():
    @STEADY
    @given(st.dictionaries(st.text(max_size=5), ENTRY, max_size=3), st.integers(-9, 9))
    def run(header, off):
        text = json.dumps(header).encode()
        length = max(len(text) + off, 0) if off % 3 == 0 else len(text)
        TARGETS["safetensors"](length.to_bytes(8, "little") + text + bytes(32))

    run()
