"""Pixels of instruments: every type comes back in its type, and what has no value comes back as it was."""

from __future__ import annotations

import io
import itertools
from pathlib import Path

import numpy as np
import pytest
import tifffile
from hypothesis import given
from hypothesis import strategies as st

from denoise_cli.errors import DenoiseError
from denoise_cli.formats.files import encode_picture, read_picture
from denoise_cli.formats.picture import Page

TYPES = ["bool", *(f"{sign}int{bits}" for sign in ("u", "") for bits in (8, 16, 32, 64)), "float16", "float32", "float64"]


def spread(dtype: str) -> np.ndarray:
    """Values from end to end of the type, or of what float64 holds exactly."""
    kind = np.dtype(dtype)
    if kind.kind == "b":
        return np.indices((6, 7)).sum(axis=0) % 2 == 0
    if kind.kind == "f":
        return (np.linspace(-3, 5, 42).reshape(6, 7) * 100).astype(kind)
    low, high = max(int(np.iinfo(kind).min), -(2**53)), min(int(np.iinfo(kind).max), 2**53)
    return np.array([low + (high - low) * step // 41 for step in range(42)], kind).reshape(6, 7)


def written(array: np.ndarray, kind: str, encoders) -> bytes:
    if kind == "npy":
        stream = io.BytesIO()
        np.save(stream, array)
        return stream.getvalue()
    return encoders.tiff(array, photometric="minisblack")


def loaded(data: bytes, kind: str) -> np.ndarray:
    return np.load(io.BytesIO(data)) if kind == "npy" else tifffile.imread(io.BytesIO(data))


@pytest.mark.parametrize("kind", ["tiff", "npy"])
@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("dtype", TYPES)
def test_every_type_comes_back_in_its_type(encoders, dtype, order, kind):
    if kind == "tiff" and order == ">":
        pytest.skip("the byte order of a TIFF is that of the file")
    before = spread(dtype)
    picture = read_picture(Path("it"), written(before.astype(before.dtype.newbyteorder(order)), kind, encoders))
    units = [page.scale.floats(page.colour) for page in picture.pages]
    after = loaded(encode_picture(picture.successor(units), kind, Path("it"))[0], kind)
    assert after.dtype == before.dtype
    np.testing.assert_array_equal(after, before)


@pytest.mark.parametrize("dtype", [name for name in TYPES if "float" not in name])
def test_integers_are_rounded_and_never_wrapped(dtype):
    page = Page(spread(dtype))
    typed = page.scale.floats(page.colour).astype(np.float64)
    far = 10 * np.abs(typed).max() + 10
    ends = (0, 1) if dtype == "bool" else (np.iinfo(dtype).min, np.iinfo(dtype).max)
    if dtype in ("int64", "uint64"):
        far = 1e30
    assert (page.successor(np.full((6, 7), far)).colour == ends[1]).all()
    assert (page.successor(np.full((6, 7), -far)).colour == ends[0]).all()
    if page.units.white == 1 and dtype != "bool":
        assert (page.successor(np.full((6, 7), 2.6)).colour == 3).all()


@given(
    st.sampled_from([name for name in TYPES if name != "bool"]),
    st.lists(st.sampled_from([np.nan, np.inf, -np.inf, 0.0, 1.0, -5.0, 1e300, -1e300]), min_size=42, max_size=42),
)
def test_a_result_is_finite_unless_that_pixel_was_not(dtype, values):
    page = Page(spread(dtype))
    image = np.array(values).reshape(6, 7)
    after = page.successor(image).colour
    assert after.dtype == page.colour.dtype
    assert np.isfinite(after.astype(np.float64)).all()
    np.testing.assert_array_equal(after[~np.isfinite(image)], page.colour[~np.isfinite(image)])


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_pixels_without_a_value_come_back_bit_for_bit_and_are_not_known(dtype):
    before = spread(dtype)
    payload = np.array([0x7FF8000000000123], np.uint64).view(np.float64)[0]
    before[0, :3] = payload, np.inf, -np.inf
    page = Page(before)
    assert (page.scale.known == np.isfinite(before)).all()
    after = page.successor(np.zeros((6, 7))).colour
    bits = f"u{before.dtype.itemsize}"
    np.testing.assert_array_equal(after.view(bits)[0, :3], before.view(bits)[0, :3])
    assert (after[np.isfinite(before)] == 0).all()
    assert (page.successor(np.zeros((6, 7)), fill=True).colour == 0).all()


def test_a_pixel_that_lacks_one_channel_comes_back_in_all():
    before = np.ones((4, 5, 3), np.float32)
    before[1, 2, 0] = np.nan
    after = Page(before).successor(np.zeros((4, 5, 3))).colour
    np.testing.assert_array_equal(after[1, 2], before[1, 2])
    assert (after == 0).sum() == 3 * (4 * 5 - 1)


@pytest.mark.parametrize(
    ("dtype", "text", "value"),
    [("float32", "-9999", -9999.0), ("float32", "-3.40282346638528898e+38", -3.4028234663852886e38), ("int16", "-32768", -32768),
     ("uint16", "0", 0), ("float64", "nan", np.nan), ("uint8", " 255 ", 255)],
)  # fmt: skip
def test_gdals_nodata_is_read_kept_and_has_no_value(encoders, dtype, text, value):
    before = spread(dtype)
    before[2, 3] = value
    others = before != value if value == value else ~np.isnan(before)
    tag = [(42113, "s", 0, text, True)]
    picture = read_picture(Path("it"), encoders.tiff(before, extratags=tag))
    page = picture.pages[0]
    assert len(page.nodata) == 1
    assert not page.scale.known[2, 3]
    np.testing.assert_array_equal(page.scale.known, others)
    result = picture.successor([np.full((6, 7), 0.25)])
    data, losses = encode_picture(result, "tiff", Path("it"))
    assert losses == []
    after = tifffile.imread(io.BytesIO(data))
    np.testing.assert_array_equal(after[~others], before[~others])
    assert (after[others] != before[others]).any()
    with tifffile.TiffFile(io.BytesIO(data)) as file:
        assert file.pages.first.tags[42113].value.strip() == text.strip()


def test_a_broken_nodata_tag_is_no_reason_to_fail(encoders):
    picture = read_picture(Path("it"), encoders.tiff(spread("float32"), extratags=[(42113, "s", 0, "none", True)]))
    assert picture.pages[0].nodata == ()
    assert picture.pages[0].scale.known is None


def test_a_known_pixel_never_becomes_nodata():
    before = spread("uint16")
    before[:, 0] = 0
    page = Page(before, nodata=(0.0,))
    after = page.successor(np.zeros((6, 7))).colour
    np.testing.assert_array_equal(after == 0, before == 0)


def test_nodata_can_be_told_later():
    picture = read_picture(Path("it"), written(spread("uint16"), "npy", None)).with_nodata((0.0,)).with_nodata((65535.0, 0.0))
    assert picture.pages[0].nodata == (0.0, 65535.0)
    assert (~picture.pages[0].scale.known).sum() == 2


def test_nodata_travels_from_an_array_to_a_tiff_and_is_named_where_it_cannot():
    picture = read_picture(Path("it"), written(spread("uint8"), "npy", None)).with_nodata((0.0,))
    again = read_picture(Path("it"), encode_picture(picture, "tiff", Path("it"))[0])
    assert again.pages[0].nodata == (0.0,)
    assert encode_picture(picture, "png", Path("it"))[1] == [
        "PNG has no word for pixels without a value: those that hold 0 are ordinary ones there"
    ]


@pytest.mark.parametrize("kind", ["png", "jpeg", "webp", "bmp"])
@pytest.mark.parametrize(
    ("array", "words"),
    [
        (spread("int16"), "int16 values from -32,768 to 32,767 do not fit"), (spread("int64"), "write .tif or .npy, which keep them"),
        (spread("uint64"), "uint64 values from 0"), (np.full((6, 7), 4000, np.uint32), "uint32 counts up to 4,000 would all be black"),
        (np.where(np.eye(6, 7) > 0, np.nan, 0.5), "6 values are NaN or infinite, .* --fill"),
    ],
)  # fmt: skip
def test_what_has_units_of_its_own_does_not_become_shares_of_white(array, words, kind):
    picture = read_picture(Path("it"), written(array, "npy", None))
    with pytest.raises(DenoiseError, match=words) as refusal:
        encode_picture(picture, kind, Path("out"))
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize(("source", "target"), list(itertools.permutations(["tiff", "npy"])))
@pytest.mark.parametrize("dtype", TYPES)
def test_tiff_and_npy_hold_the_same_types(encoders, dtype, source, target):
    picture = read_picture(Path("it"), written(spread(dtype), source, encoders))
    data, losses = encode_picture(picture, target, Path("it"))
    assert losses == []
    after = loaded(data, target)
    assert after.dtype == np.dtype(dtype)
    np.testing.assert_array_equal(after, spread(dtype))


@given(st.integers(0, 2**32 - 1))
def test_what_alpha_hides_stays_hidden_even_where_holes_are_filled(seed):
    rng = np.random.default_rng(seed)
    colour, alpha = rng.integers(0, 256, (5, 6, 3), np.uint8), rng.integers(0, 2, (5, 6, 1), np.uint8)
    page = Page(colour, alpha, 0)
    hidden = page.hidden
    after = page.successor(rng.random((5, 6, 3)), fill=True).colour
    if hidden is not None:
        np.testing.assert_array_equal(after[hidden], colour[hidden])
        filled = page.filled
        np.testing.assert_array_equal(filled[~hidden], colour[~hidden])


@pytest.mark.parametrize("kind", ["tiff", "npy"])
@pytest.mark.parametrize(("words", "said"), [
    ((), False), (("--lambda", "0.1"), True), (("--lambda", "0.1", "--method", "optimal"), True), (("--lambda", "1e-6"), False),
    (("--lambda", "0.5", "--l1"), False),
])  # fmt: skip
def test_counts_in_32_bits_are_few_only_beside_a_lambda_that_was_typed(denoise, tmp_path, encoders, kind, words, said):
    counts = np.random.default_rng(1).integers(2000, 3000, (24, 24)).astype(np.uint32)
    counts[0, 0] = 3000
    path = tmp_path / f"counts.{kind}"
    path.write_bytes(written(counts, kind, encoders))
    outcome = denoise(path, *words, "-o", tmp_path / f"out.{kind}")
    assert outcome.code == 0, outcome.err
    assert ("λ 0.1 is 143,166 times the largest value" in outcome.err) == said
    assert ("3,000 as 7e-07; give as small a --lambda, or leave it out" in outcome.err) == said
    assert ("--lambda" in outcome.err) == said
    assert "--lambda" not in str(denoise("info", path).out)
