"""Files as people have them: what is read, what is refused and how it is said, and that a write is whole or not at all."""

import io
import json

import numpy as np
import pytest

from denoise_cli.extras.results import FileError, replacing, write_arrays
from denoise_cli.extras.tables import read_labels, read_table


def written(tmp_path, content, name="t.csv"):
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return str(path)


@pytest.mark.parametrize(
    ("content", "header", "values"),
    [
        ("a,b\n1,2\n3,4\n", ["a", "b"], [[1, 2], [3, 4]]),
        ("1,2\n3,4", None, [[1, 2], [3, 4]]),
        ("a,b\r\n1,2\r\n3,4\r\n\r\n\r\n", ["a", "b"], [[1, 2], [3, 4]]),
        ("a,b\r1,2\r3,4\r", ["a", "b"], [[1, 2], [3, 4]]),
        ("\ufeffa\n1\n", ["a"], [[1]]),
        ("\ufeff1\n2\n", None, [[1], [2]]),
        ('"height, cm","say ""hi""",\n"1"," 2 ",3\n', ["height, cm", 'say "hi"', ""], [[1, 2, 3]]),
        ('"two\nlines"\n1\n', ["two\nlines"], [[1]]),
        ("α,β\n-1e-300,+1E300\n", ["α", "β"], [[-1e-300, 1e300]]),
        ("my_column\n.5\n", ["my_column"], [[0.5]]),
        ("7\n", None, [[7]]),
        ("PK,NUMPY\n1,2\n", ["PK", "NUMPY"], [[1, 2]]),
    ],
)
def test_csv_of_every_origin_is_read(tmp_path, content, header, values):
    table = read_table(written(tmp_path, content), key="x")
    assert table.header == header
    assert table.values.tolist() == values


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "the file is empty"),
        (" \n\n", "the file is empty"),
        ("\ufeff", "row 1 is blank"),
        ("\n1,2\n", "row 1 is blank"),
        ("a,b\n", "a header and no rows"),
        ("a,b\n1,2\n3\n", "row 3 has 1 column, row 1 has 2"),
        ("a,b\n1,2\n3,4,5\n", "row 3 has 3 columns, row 1 has 2"),
        ("1,2\n\n3,4\n", "row 2 is blank"),
        ("a\n1\n\n3\n", "row 3 is blank"),
        ("a,b\n1,2\n3,red\n", "row 3, column 'b': 'red' is not a number"),
        ("1,2\n3,red\n", "row 2, column '2': 'red' is not a number"),
        ("a,b\n1,\n", "row 2, column 'b': the value is missing"),
        ("a,b\n1,N/A\n", "row 2, column 'b': the value is missing"),
        ("1,\n2,3\n", "row 1, column '2': the value is missing"),
        ("a,b\n1,2\n1,nan\n", "row 3, column 'b' is nan"),
        ("1,2\n-inf,2\n", "row 2, column '1' is -inf"),
        ("a\n1e999\n", "row 2, column 'a' is inf"),
        ("a\n1_000\n", "row 2, column 'a': '1_000' is not a number"),
        ("1,red\n3,4\n", "row 1 mixes names and numbers ('red' beside '1')"),
        ("a;b\n1,5;2,5\n", "row 2 has 3 columns"),
        ("a;b\n1;2\n", "separated by commas, not semicolons"),
        ('a,b\n1,"2\n', "row 2 is not CSV"),
        ("a\n" + "x" * 100_000 + "\n", "xxx...' is not a number"),
        ("a\n" + "1" * 200_000 + "\n", "row 2 is not CSV: field larger"),
        (b"a,b\n1,\xff\xfe\n", "neither UTF-8 text nor .npy nor .npz"),
        ("a,b\n1,2\n".encode("utf-16"), "neither UTF-8 text nor .npy nor .npz"),
        (b"\x93NUMPY\x01\x00v\x00{'descr'", "cut short or damaged"),
        (b"PK\x03\x04rest", "not a readable .npz"),
    ],
)
def test_a_bad_table_is_named_with_the_place_in_it(tmp_path, content, message):
    path = written(tmp_path, content)
    with pytest.raises(FileError) as caught:
        read_table(path, key="x")
    assert str(caught.value).startswith(f"{path}: ")
    assert message in str(caught.value)


def test_unchosen_columns_may_hold_anything(tmp_path):
    path = written(tmp_path, "name,x,note\nann,1,\nbob,2,?\n")
    table = read_table(path, key="x", choose=lambda names: [names.index("x")])
    assert (table.header, table.values.tolist()) == (["x"], [[1], [2]])


@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.int16, np.uint8, bool, np.float16])
def test_npy_is_read_whatever_the_file_is_called(tmp_path, dtype):
    values = np.array([[0, 1], [1, 1]], dtype)
    stream = io.BytesIO()
    np.save(stream, values)
    read = read_table(written(tmp_path, stream.getvalue(), "data.bin"), key="x").values
    assert read.dtype == (np.float32 if dtype is np.float32 else np.float64)
    assert read.tolist() == values.tolist()


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (np.array([{}]), "Python objects"),
        (np.array(["a"]), "not real numbers"),
        (np.array([1j]), "complex128"),
        (np.empty((0, 3)), "empty"),
        (np.array([[1.0, np.nan]]), r"nan at index (0, 1)"),
    ],
)
def test_an_array_that_holds_no_finite_numbers_is_refused(tmp_path, values, message):
    path = tmp_path / "a.npy"
    np.save(path, values, allow_pickle=True)
    with pytest.raises(FileError) as caught:
        read_table(str(path), key="x")
    assert message in str(caught.value)


def test_an_npz_gives_its_only_array_the_expected_one_or_the_named_one(tmp_path):
    one, many = tmp_path / "one.npz", tmp_path / "many.npz"
    np.savez(one, anything=[1.0])
    np.savez(many, x=[2.0], other=[3.0])
    assert read_table(str(one), key="x").values == 1
    assert read_table(str(many), key="x").values == 2
    assert read_table(f"{many}:other", key="x").values == 3
    with pytest.raises(FileError, match=r"no array 'weight' in it; choose one of x, other by writing .*many\.npz:NAME"):
        read_table(str(many), key="weight")


def test_labels_are_whole_numbers_in_range(tmp_path):
    assert read_labels(written(tmp_path, "label\n0\n2\n1\n"), 3).tolist() == [0, 2, 1]
    for content, message in (
        ("label\n0\n3\n", "row 3: label 3 is not one of 0..2"),
        ("0\n-1\n", "row 2: label -1 "),
        ("0\n0.5\n", "row 2: label 0.5 "),
        ("0.5,0.5,0\n", "For mixup"),
    ):
        with pytest.raises(FileError) as caught:
            read_labels(written(tmp_path, content), 3)
        assert message in str(caught.value)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("suffix", [".csv", ".npy", ".npz", ".json"])
def test_every_digit_survives_writing_and_reading(tmp_path, suffix, dtype):
    values = np.random.default_rng(0).normal(size=(20, 3)).astype(dtype) * dtype(1e-7)
    path = str(tmp_path / f"out{suffix}")
    write_arrays(path, {"y": values, "other": np.ones(2)}, ["a", "b,c", "d"])
    if suffix == ".json":
        content = json.loads((tmp_path / "out.json").read_text(encoding="utf-8"))
        assert content["columns"] == ["a", "b,c", "d"]
        assert content["other"] == [1, 1]
        read = np.array(content["y"])
    else:
        table = read_table(path, key="y")
        read = table.values
        assert table.header == (["a", "b,c", "d"] if suffix == ".csv" else None)
    assert (read.astype(dtype) == values).all()


def test_more_than_two_axes_do_not_fit_into_csv(tmp_path):
    with pytest.raises(FileError, match=r"\(2, 2, 2\); write \.npy"):
        write_arrays(str(tmp_path / "o.csv"), {"y": np.ones((2, 2, 2))})
    assert not list(tmp_path.iterdir())


def test_a_write_that_fails_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "o.csv"
    path.write_text("old")

    def write_half():
        with replacing(str(path)) as stream:
            stream.write(b"half")
            raise ValueError

    with pytest.raises(ValueError):  # noqa: PT011  the block's own error comes through
        write_half()
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_link_is_followed_not_replaced(tmp_path):
    real, link = tmp_path / "real.csv", tmp_path / "link.csv"
    real.write_text("old")
    link.symlink_to(real)
    write_arrays(str(link), {"y": np.ones((1, 1))})
    assert link.is_symlink()
    assert real.read_text() == "1.0\n"


def test_a_missing_folder_is_said(tmp_path):
    with pytest.raises(FileError, match="cannot write it: No such file or directory"):
        write_arrays(str(tmp_path / "nowhere" / "o.csv"), {"y": np.ones(1)})
