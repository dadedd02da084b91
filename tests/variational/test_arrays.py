"""`denoise_cli.denoise` for arrays of one to four spatial axes: which axis is what, which type comes back, and what a channel is alone."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import ndimage
from skimage import data, img_as_float, restoration
from skimage.metrics import structural_similarity

from denoise_cli import denoise
from denoise_cli.pipeline.arrangement import as_scikit_image_has_it

COLOUR = img_as_float(data.astronaut()[30:94, 160:224])
GREY = COLOUR.mean(axis=2)
VOLUME = np.random.default_rng(2).random((5, 9, 11))
INTEGERS = [bool, np.uint8, np.uint16, np.uint32, np.uint64, np.int8, np.int16, np.int32, np.int64]


def integers(dtype: Any, shape: tuple[int, ...] = (6, 7, 8)) -> np.ndarray:
    random = np.random.default_rng(3)
    if dtype is bool:
        return random.random(shape) < 0.5
    ends = np.iinfo(dtype)
    return random.integers(ends.min, ends.max, shape, dtype=dtype, endpoint=True)


@pytest.mark.parametrize(
    ("given", "back"), [("float16", "float32"), ("float32", "float32"), ("float64", "float64"), ("longdouble", "float64")]
)
def test_float32_stays_and_other_floats_are_those_of_scikit_image(given: str, back: str) -> None:
    array = VOLUME.astype(given)
    assert denoise(array, 0.1, channel_axis=None).image.dtype == back
    assert restoration.denoise_tv_chambolle(array, 0.1, max_num_iter=2).dtype == back


@pytest.mark.parametrize("dtype", INTEGERS)
def test_integers_become_the_float64_that_scikit_image_makes_of_them(dtype: Any) -> None:
    array = integers(dtype)
    np.testing.assert_array_equal(as_scikit_image_has_it(array), img_as_float(array))
    result = denoise(array, 0.1, channel_axis=None).image
    np.testing.assert_array_equal(result, denoise(img_as_float(array), 0.1, channel_axis=None).image)
    assert result.dtype == np.float64


@pytest.mark.parametrize("shape", [(40,), (13, 17), (7, 9, 8), (4, 5, 6, 5)])
def test_all_axes_but_that_of_the_channels_are_spatial_and_each_channel_is_as_it_is_alone(shape: tuple[int, ...]) -> None:
    channels = [np.random.default_rng(seed).random(shape) for seed in range(3)]
    alone = [denoise(channel, 0.2, channel_axis=None) for channel in channels]
    for axis in range(-len(shape) - 1, len(shape) + 1):
        together = denoise(np.stack(channels, axis=axis), 0.2, channel_axis=axis)
        np.testing.assert_array_equal(together.image, np.stack([one.image for one in alone], axis=axis))
        assert together.gap <= 1e-3
        assert together.cost == pytest.approx(sum(one.cost for one in alone), rel=1e-12)


@pytest.mark.parametrize("shape", [(200,), (20, 24), (9, 10, 11), (4, 5, 3, 5)])
def test_the_picture_is_the_one_that_chambolle_of_scikit_image_converges_to(shape: tuple[int, ...]) -> None:
    """It has ½Σ(u − f)² where we have Σ(u − f)², so that its weight is half our λ."""
    array = np.random.default_rng(4).random(shape)
    ours = denoise(array, 0.3, channel_axis=None, gap=1e-6).image
    theirs = restoration.denoise_tv_chambolle(array, 0.15, eps=0, max_num_iter=2000)
    assert np.abs(ours - theirs).max() < 5e-3


def test_a_larger_weight_leaves_less_noise_in_the_cells_of_a_chequerboard() -> None:
    board = img_as_float(data.checkerboard())[:60, :60]
    noisy = np.clip(board + 0.5 * board.std() * np.random.default_rng(13).random(board.shape), 0, 1)
    for picture, axis in ((noisy, None), (np.stack([noisy, noisy[::-1], noisy[:, ::-1]]), 0)):
        left = [(np.take(image, 0, axis) if axis is not None else image)[30:45, 5:15].std()
                for image in (picture, *(denoise(picture, weight, channel_axis=axis).image for weight in (0.2, 0.4)))]  # fmt: skip
        assert left == sorted(left, reverse=True)
        assert left[2] < 0.5 * left[0]


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "uint8", "int16", "bool"])
@pytest.mark.parametrize("axes", [1, 2, 3, 4])
def test_a_constant_array_comes_back_as_it_is(dtype: str, axes: int) -> None:
    array = np.full((3,) * axes, 1, dtype)
    for channel_axis in (None, 0, -1) if axes > 1 else (None,):
        np.testing.assert_array_equal(denoise(array, 0.1, channel_axis=channel_axis).image, as_scikit_image_has_it(array))


@pytest.mark.parametrize("shape", [(1,), (1, 1, 1, 1), (7, 1, 1), (1, 7, 1), (3, 1, 4, 1), (2, 2, 2, 2)])
def test_axes_of_one_element_change_no_bit(shape: tuple[int, ...]) -> None:
    array = np.random.default_rng(14).random(shape)
    squeezed = array.squeeze() if array.size > 1 else array.reshape(1)
    found = denoise(array, 0.1, channel_axis=None).image
    assert found.shape == shape
    np.testing.assert_array_equal(found.reshape(squeezed.shape), denoise(squeezed, 0.1, channel_axis=None).image)


def test_the_strength_of_a_weight_does_not_depend_on_the_number_of_axes() -> None:
    noisy = np.clip(GREY + 0.15 * np.random.default_rng(1234).standard_normal(GREY.shape), 0, 1)
    flat = denoise(noisy, 0.2, channel_axis=None).image
    deep = denoise(np.tile(noisy[..., None, None], (1, 1, 2, 2)), 0.2).image
    assert structural_similarity(flat, deep[:, :, 0, 0], data_range=1) > 0.99


@pytest.mark.parametrize("shape", [(1000,), (64, 64), (24, 24, 24), (8, 8, 8, 8)])
def test_bytes_lose_variation_and_stay_in_their_range(shape: tuple[int, ...]) -> None:
    noisy = (255 * np.random.default_rng(5).random(shape)).astype(np.uint8)
    result = denoise(noisy, 0.1, channel_axis=None).image
    assert (result.dtype, result.shape) == (np.float64, shape)
    assert result.std() < noisy.std() / 255
    assert np.all((result >= 0) & (result <= 1))
    before, after = (ndimage.morphological_gradient(each, size=(3,) * len(shape)) for each in (noisy / 255, result))
    assert np.square(after).sum() < np.square(before).sum()


def test_coupled_channels_share_one_norm_only_where_that_is_told() -> None:
    apart = denoise(COLOUR, 0.2, channel_axis=2).image
    coupled = denoise(COLOUR, 0.2, channel_axis=2, channels="coupled").image
    np.testing.assert_array_equal(coupled, denoise(COLOUR, 0.2, method="optimal").image)
    assert np.abs(apart - coupled).max() > 1e-3


def test_a_picture_without_a_word_on_its_axes_is_what_it_was() -> None:
    assert denoise(GREY, 0.1).plan.method.name == "matlab"
    assert denoise((255 * GREY).astype(np.uint8), 0.1).image.dtype == np.float32
    assert denoise(COLOUR, 0.1).image.shape == COLOUR.shape


def test_a_cube_is_a_volume_and_not_a_picture_with_as_many_colours() -> None:
    sphere = ((np.indices((20, 20, 20)) - 10) ** 2).sum(axis=0) < 36
    cube = (60 + 100 * sphere + 20 * np.random.default_rng(8).random(sphere.shape)).astype(np.uint8)
    result = denoise(cube, 0.1)
    np.testing.assert_array_equal(result.image, denoise(cube, 0.1, channel_axis=None).image)
    assert (result.image.dtype, result.plan.method.name) == (np.float64, "optimal")
    assert result.image.std() * 255 < cube.std()
    # A picture may consist of 16 bands, and of no more.
    bands = np.random.default_rng(9).random((6, 7, 17))
    assert [denoise(bands[..., :count], 0.3).plan.method.name for count in (16, 17)] == ["matlab", "optimal"]


@pytest.mark.parametrize("channel_axis", [None, 0, 1, -1])
@pytest.mark.parametrize("dtype", ["uint8", "int16", "bool", "float16", "float32", "float64", ">f4", ">u2"])
def test_layout_and_byte_order_do_not_matter_and_the_input_is_not_touched(dtype: str, channel_axis: int | None) -> None:
    whole = np.random.default_rng(10).random((8, 12, 10)) * (1 if np.dtype(dtype).kind in "fb" else 200)
    whole = (whole > 0.5 if dtype == "bool" else whole).astype(dtype)
    plain = denoise(np.ascontiguousarray(whole[::2, 1::2, ::-1], whole.dtype.newbyteorder("=")), 0.2, channel_axis=channel_axis).image
    before = whole.copy()
    whole.flags.writeable = False
    for given in (whole[::2, 1::2, ::-1], np.asfortranarray(whole)[::2, 1::2, ::-1]):
        result = denoise(given, 0.2, channel_axis=channel_axis).image
        np.testing.assert_array_equal(result, plain)
        assert result.flags.c_contiguous
        assert result.flags.writeable
        assert not np.shares_memory(result, given)
    np.testing.assert_array_equal(whole, before)


@pytest.mark.parametrize("channel_axis", [0, 1, -1])
def test_the_network_takes_three_channels_as_colours_wherever_they_are(channel_axis: int) -> None:
    noisy = COLOUR + 0.1 * np.random.default_rng(11).standard_normal(COLOUR.shape)
    moved = np.moveaxis(noisy, -1, channel_axis)
    for method in ("learned", None):
        as_picture = denoise(noisy, method=method)
        told = denoise(moved, method=method, channel_axis=channel_axis)
        assert told.plan.method.name == as_picture.plan.method.name == "learned"
        np.testing.assert_array_equal(np.moveaxis(told.image, channel_axis, -1), as_picture.image)
    apart = np.moveaxis(denoise(moved, method="learned", channel_axis=channel_axis, channels="separate").image, channel_axis, -1)
    np.testing.assert_array_equal(apart[..., 0], denoise(noisy[..., 0], method="learned").image)
    error = [np.mean((image - COLOUR) ** 2) for image in (as_picture.image, apart)]
    assert error[0] < 0.8 * error[1]


def test_the_network_takes_the_slices_of_a_volume_one_by_one() -> None:
    frames = COLOUR[None] + 0.1 * np.random.default_rng(12).standard_normal((3, *COLOUR.shape))
    for axes, series in {"tyxc": frames, "zyx": frames[..., 0]}.items():
        result = denoise(series, method="learned", sigma=0.1, axes=axes)
        alone = np.stack([denoise(one, method="learned", sigma=0.1).image for one in series])
        # Black is that of all slices, and of a slice alone its own.
        np.testing.assert_allclose(result.image, alone, atol=2e-3)
        assert np.sqrt(np.mean((result.image - alone) ** 2)) < 2e-4
        assert result.plan.sentence.endswith("network, slice by slice")
    spoilt = frames[..., 0].copy()
    spoilt[1, 3:6, 4:9] = np.nan
    filled = denoise(spoilt, method="learned", axes="tyx", weights=np.isfinite(spoilt).astype(float))
    assert np.mean((filled.image - COLOUR[..., 0]) ** 2) < 0.3 * 0.1**2


def test_named_axes_in_any_order_give_the_same_volume() -> None:
    straight = denoise(VOLUME, 0.2, axes="zyx", spacing=(2, 1, 1))
    turned = denoise(VOLUME.transpose(2, 0, 1), 0.2, axes="xzy", spacing=(1, 2, 1))
    np.testing.assert_allclose(turned.image, straight.image.transpose(2, 0, 1), atol=1e-9)
    with_channels = denoise(np.stack([VOLUME, VOLUME[::-1]]), 0.2, axes="CZYX")
    last = denoise(np.stack([VOLUME, VOLUME[::-1]], axis=-1), 0.2, axes="zyxc")
    np.testing.assert_array_equal(np.moveaxis(with_channels.image, 0, -1), last.image)
    assert with_channels.plan.method.name == "optimal"


def test_a_named_volume_of_one_slice_is_the_slice_bit_for_bit() -> None:
    stored = (255 * GREY).astype(np.uint8)
    np.testing.assert_array_equal(denoise(stored[None], 0.2, axes="zyx").image[0], denoise(stored, 0.2, method="optimal").image)


def test_the_unit_of_spacing_does_not_matter_and_larger_steps_couple_less() -> None:
    plain = denoise(VOLUME, 0.2, axes="zyx", gap=1e-6).image
    np.testing.assert_array_equal(denoise(VOLUME, 0.2, axes="zyx", spacing=(0.5, 0.5, 0.5), gap=1e-6).image, plain)
    apart = denoise(VOLUME, 0.2, axes="zyx", spacing=(1e6, 1, 1), gap=1e-6).image
    flat = np.stack([denoise(one, 0.2, axes="yx", gap=1e-6).image for one in VOLUME])
    np.testing.assert_allclose(apart, flat, atol=5e-3)
    frames = [denoise(VOLUME, 0.2, axes="tyx", time_weight=weight).image for weight in (0.1, 1.0, 5.0)]
    flicker = [float(np.abs(np.diff(each, axis=0)).mean()) for each in frames]
    assert flicker == sorted(flicker, reverse=True)
    assert flicker[0] > 2 * flicker[-1]


def test_without_a_number_lambda_suits_the_volume() -> None:
    """λ is within 0.2 dB of the best one, which is far from that of a picture with the noise of two slices."""
    grid = np.indices((24, 40, 40))
    clean = 0.2 + 0.6 * (((grid - np.array([12, 18, 22]).reshape(3, 1, 1, 1)) ** 2).sum(axis=0) < 90)
    noisy = clean + 0.1 * np.random.default_rng(6).standard_normal(clean.shape)
    chosen = denoise(noisy, axes="zyx")
    errors = [float(np.mean((denoise(noisy, weight, axes="zyx").image - clean) ** 2)) for weight in np.geomspace(0.05, 0.3, 8)]
    assert chosen.plan.sigma == pytest.approx(0.1, rel=0.1)
    assert 10 * np.log10(np.mean((chosen.image - clean) ** 2) / min(errors)) < 0.2


def test_weights_maps_unknown_pixels_and_references_have_the_axes_of_the_volume() -> None:
    known = np.ones(VOLUME.shape)
    known[2, 3:5] = 0
    spoilt = np.where(known > 0, VOLUME, np.nan)
    kept = denoise(spoilt, 0.2, axes="zyx", reference=VOLUME)
    np.testing.assert_array_equal(np.isnan(kept.image), np.isnan(spoilt))
    filled = denoise(spoilt, 0.2, axes="zyx", weights=known)
    assert np.isfinite(filled.image).all()
    error = np.mean((kept.image - VOLUME)[known > 0] ** 2)
    assert kept.psnr_db == pytest.approx(-10 * np.log10(error), abs=1e-6)
    level = np.full(VOLUME.shape, 0.2)
    np.testing.assert_allclose(
        denoise(VOLUME, level, axes="zyx", gap=1e-8).image, denoise(VOLUME, 0.2, axes="zyx", gap=1e-8).image, atol=1e-3
    )


REFUSED: dict[str, tuple[np.ndarray, dict[str, Any], str]] = {
    "too few letters": (VOLUME, {"axes": "yx"}, "names 2 axes, but the array has 3"),
    "a letter twice": (VOLUME, {"axes": "zzx"}, "each axis once"),
    "an unknown letter": (VOLUME, {"axes": "wyx"}, "each axis once, by the letters t, z, y, x, c"),
    "both ways": (VOLUME, {"axes": "zyx", "channel_axis": None}, "two ways to say"),
    "no such channel axis": (VOLUME, {"channel_axis": 3}, "channel_axis 3 is none of the 3 axes"),
    "five spatial axes": (np.ones((2, 2, 2, 2, 2)), {"channel_axis": None}, "1 to 4 spatial axes, not 5"),
    "spacing of 0": (VOLUME, {"axes": "zyx", "spacing": (0, 1, 1)}, "spacing must be positive and finite along every axis, not 0"),
    "negative spacing": (VOLUME, {"axes": "zyx", "spacing": (1, -1, 1)}, "spacing must be positive"),
    "too little spacing": (VOLUME, {"axes": "zyx", "spacing": (1, 1)}, "one number for each of the 3 spatial axes, not 2"),
    "a weight of time without time": (VOLUME, {"axes": "zyx", "time_weight": 1.0}, "time_weight needs an axis t"),
    "a weight of time of 0": (VOLUME, {"axes": "tyx", "time_weight": 0.0}, "time_weight must be positive"),
    "matlab": (VOLUME, {"axes": "zyx", "method": "matlab"}, "method matlab takes pictures, not volumes; use method optimal"),
    "spacing of a network": (VOLUME, {"axes": "zyx", "spacing": (2, 1, 1), "method": "learned", "weight": None}, "takes slices one by one"),
    "time of a network": (VOLUME, {"axes": "tyx", "time_weight": 2.0, "method": "learned", "weight": None}, "time-weight has no meaning"),
    "weights of a slice": (VOLUME, {"axes": "zyx", "weights": np.ones((9, 11))}, "weights has shape"),
    "no voxels": (np.ones((3, 0, 3)), {"axes": "zyx"}, "empty"),
    "a reference of another shape": (VOLUME, {"channel_axis": 0, "reference": VOLUME[1:]}, "the reference has shape"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_it_refuses(name: str) -> None:
    array, words, message = REFUSED[name]
    with pytest.raises(ValueError, match=message) as refusal:
        denoise(array, **({"weight": 0.2} | words))
    assert "\n" not in str(refusal.value)


def test_complex_numbers_are_refused_as_ever() -> None:
    with pytest.raises(TypeError, match="no agreed scale"):
        denoise(np.ones((3, 3, 3), complex), 0.1, channel_axis=None)


def test_counts_that_use_hardly_any_of_their_type_are_warned_of() -> None:
    counts = np.random.default_rng(3).poisson(100, (24, 24)).astype(np.int64)
    with pytest.warns(UserWarning, match="int64 are divided by the largest value of the type, .* convert them to floats"):
        denoise(counts, 20.0, channel_axis=None, iterations=20)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        denoise(counts.astype(float), 20.0, channel_axis=None)
        denoise(counts.astype(np.uint8), 0.1, channel_axis=None)


@pytest.mark.parametrize("channel_axis", [0.0, "0", (0,)])
def test_a_channel_axis_that_is_no_whole_number_is_refused(channel_axis: Any) -> None:
    with pytest.raises(TypeError, match="channel_axis must be a whole number or None"):
        denoise(VOLUME, 0.2, channel_axis=channel_axis)


@pytest.mark.parametrize("image", ["photo.png", Path("photo.png"), b"photo.png", None, {"a": 1}], ids=lambda image: type(image).__name__)
def test_the_name_of_a_file_is_no_array(image: Any) -> None:
    with pytest.raises(TypeError, match=f"must be an array of numbers, not {type(image).__name__}; a file is read first"):
        denoise(image)
