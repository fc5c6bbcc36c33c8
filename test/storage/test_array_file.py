"""NumPy files whose headers promise what is not there are refused before memory is taken."""

import io
import pickle
import zipfile

import numpy as np
import pytest

from n3d_ros.storage.array_file import ArrayFileError, read_npy, read_npz

VALUES = np.arange(12, dtype=np.float32).reshape(3, 4)


def npy(array):
    stream = io.BytesIO()
    np.save(stream, array)
    return stream.getvalue()


def with_header(text, data=b""):
    """A version 1 file with this header."""
    padded = text.encode().ljust(118) + b"\n"
    return b"\x93NUMPY\x01\x00" + len(padded).to_bytes(2, "little") + padded + data


def header(shape, descr="'<f4'", order=False):
    return f"{{'descr': {descr}, 'fortran_order': {order}, 'shape': {shape}}}"


@pytest.mark.parametrize(
    "array", [VALUES, np.asfortranarray(VALUES), VALUES.astype(np.uint16), np.float64(3)]
)
def test_right_files_are_read_and_may_be_written_to(tmp_path, array):
    (tmp_path / "a.npy").write_bytes(npy(array))
    np.savez_compressed(tmp_path / "a.npz", a=array, other=VALUES)
    for found in (read_npy(tmp_path / "a.npy"), read_npz(tmp_path / "a.npz", ["a", "b"])["a"]):
        np.testing.assert_array_equal(found, array)
        assert found.dtype == np.asarray(array).dtype and found.flags.writeable


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", "ValueError"),
        (b"hello", "ValueError"),
        (npy(VALUES)[:-1], "needs 48 bytes, and 47 are there"),
        (npy(VALUES) + b"1", "needs 48 bytes, and 49 are there"),
        (with_header(header((10**9, 10**9))), "needs 4000000000000000000 bytes, and 0 are there"),
        (with_header(header((10**30,))), "bytes, and 0 are there"),
        (with_header(header((-1,))), "shape (-1,)"),
        (with_header(header((True,)), bytes(4)), "shape (True,)"),
        (with_header(header("'a'")), "ValueError"),
        (with_header(header((1,), "'|O'")), "values of type dtype('O')"),
        (with_header(header((1,), "'<f4, <f4'"), bytes(8)), "values of type"),
        (with_header(header((1,), "'nonsense'")), ""),
        (with_header("(" * 100), ""),
        (with_header("__import__('os').system('false')"), "ValueError"),
        (b"\x93NUMPY\x03\x00" + bytes(200), "format version (3, 0)"),
    ],
)
def test_a_header_that_cannot_be_is_named(tmp_path, content, expected):
    (tmp_path / "a.npy").write_bytes(content)
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
        archive.writestr("a.npy", content)
    for read in (lambda: read_npy(tmp_path / "a.npy"), lambda: read_npz(tmp_path / "a.npz", ["a"])):
        with pytest.raises(ArrayFileError) as error:
            read()
        assert expected in str(error.value) and "\n" not in str(error.value)


class Bomb:
    def __reduce__(self):
        return (pytest.fail, ("unpickled",))


def test_objects_are_never_unpickled(tmp_path):
    (tmp_path / "a.npy").write_bytes(with_header(header((1,), "'|O'"), pickle.dumps(Bomb())))
    with pytest.raises(ArrayFileError, match="values of type"):
        read_npy(tmp_path / "a.npy")


def test_a_megabyte_that_unpacks_to_more_than_the_limit_is_refused_by_its_header(tmp_path):
    np.savez_compressed(tmp_path / "a.npz", a=np.zeros(1 << 20, np.uint8))
    with pytest.raises(ArrayFileError, match="1048576 bytes, at most 1000"):
        read_npz(tmp_path / "a.npz", ["a"], max_bytes=1000)


def test_damaged_archives_are_named(tmp_path):
    np.savez_compressed(tmp_path / "good.npz", a=VALUES)
    good = (tmp_path / "good.npz").read_bytes()
    path = tmp_path / "a.npz"
    for at in range(len(good)):
        path.write_bytes(good[:at] + bytes([good[at] ^ 0xFF]) + good[at + 1 :])
        try:
            assert set(read_npz(path, ["a"])) <= {"a"}
        except ArrayFileError as error:
            assert "\n" not in str(error)


def test_two_arrays_of_one_name_are_refused(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
        for name in ("a.npy", "a"):
            archive.writestr(name, npy(VALUES))
    with pytest.raises(ArrayFileError, match="two arrays named 'a'"):
        read_npz(tmp_path / "a.npz", ["a"])
