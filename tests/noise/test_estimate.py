"""The noise that was put in is the noise that is found; where there is none, none is found."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image, ImageDraw
from scipy.ndimage import gaussian_filter

from denoise_cli.measure.scale import Scale
from denoise_cli.noise.estimate import estimate

Array = npt.NDArray[np.float64]
NAMES = ("camera", "coffee")


def eight_bit(image: npt.ArrayLike) -> npt.NDArray[np.uint8]:
    return np.round(np.clip(image, 0, 1) * 255).astype(np.uint8)


@pytest.fixture(scope="module")
def clean(samples: Path) -> dict[str, Array]:
    """Two photographs, grey."""
    pictures = {name: np.asarray(Image.open(samples / f"{name}.png")) / 255 for name in NAMES}
    return {name: picture if picture.ndim == 2 else picture[:, :, 1] for name, picture in pictures.items()}


def drawing() -> Array:
    """Discs and steps on grey."""
    y, x = np.mgrid[:300, :400]
    image = np.full(y.shape, 0.5)
    image[50:200, 40:250] = 0.8
    image[120:280, 180:350] = 0.2
    image[(y - 150) ** 2 + (x - 200) ** 2 < 3000] = 1
    image[250:, :80] = 0
    return image


def page() -> npt.NDArray[np.uint8]:
    """Black letters on white, smooth rims."""
    page = Image.new("L", (600, 400), 255)
    draw = ImageDraw.Draw(page)
    for line in range(25):
        draw.text((10, 8 + 15 * line), "The quick brown fox jumps over the lazy dog 0123456789 " * 2, fill=0)
    large = page.resize((900, 600), Image.Resampling.BICUBIC)
    return np.asarray(large)


# ── level ──


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("level", [10, 25, 50])
@pytest.mark.parametrize("clipped", [True, False])
def test_the_level_of_gaussian_noise_is_found_within_7_percent_clipped_or_not(
    clean: dict[str, Array], name: str, level: int, clipped: bool
) -> None:
    noisy = clean[name] + np.random.default_rng(level).normal(0, level / 255, clean[name].shape)
    found = estimate(eight_bit(noisy) if clipped else noisy)
    assert found.model == "gaussian"
    assert found.sigma * 255 == pytest.approx(level, rel=0.07)
    assert found.impulses == found.gain == 0


@pytest.mark.parametrize("name", NAMES)
def test_a_clean_photograph_has_next_to_no_noise(clean: dict[str, Array], name: str) -> None:
    found = estimate(eight_bit(clean[name]))
    assert (found.model, found.impulses) == ("none", 0)
    assert found.sigma < 1.5 / 255


def test_channels_of_different_noise_are_told_apart(samples: Path) -> None:
    colour = np.asarray(Image.open(samples / "coffee.png")) / 255
    levels = np.array([5, 15, 30])
    found = estimate(eight_bit(colour + np.random.default_rng(1).normal(0, levels / 255, colour.shape)))
    assert np.array(found.sigmas) * 255 == pytest.approx(levels, rel=0.1)
    assert found.sigma == pytest.approx(float(np.sqrt(np.mean(np.square(found.sigmas)))))


def test_noise_of_which_white_paper_cuts_off_half_is_found_whole() -> None:
    rng = np.random.default_rng(2)
    for level in (10, 25):
        found = estimate(eight_bit(page() / 255 + rng.normal(0, level / 255, page().shape)))
        assert found.model == "gaussian"
        assert found.sigma * 255 == pytest.approx(level, rel=0.1)


def test_a_black_border_and_a_grey_mat_hide_no_noise(clean: dict[str, Array]) -> None:
    noisy = eight_bit(clean["camera"] + np.random.default_rng(3).normal(0, 10 / 255, (256, 256)))
    for border in (0, 128):
        framed = np.pad(noisy, 80, constant_values=border)
        assert estimate(framed).sigma * 255 == pytest.approx(10, rel=0.1)


def test_the_level_does_not_depend_on_the_type_of_the_pixels(clean: dict[str, Array]) -> None:
    noisy = np.clip(clean["camera"] + np.random.default_rng(4).normal(0, 0.1, (256, 256)), 0, 1)
    levels = [estimate(z).sigma for z in (eight_bit(noisy), np.round(noisy * 65535).astype(np.uint16), noisy, noisy.astype(np.float32))]
    assert levels == pytest.approx([levels[0]] * 4, rel=0.01)


def test_floats_in_units_of_their_own_scale_the_level_and_nothing_else(clean: dict[str, Array]) -> None:
    noisy = clean["camera"] + np.random.default_rng(5).normal(0, 0.1, (256, 256))
    plain = estimate(noisy)
    for scale, shift in ((1e4, 0.0), (1e-6, 0.0), (300.0, 5000.0), (1e30, 0.0)):
        found = estimate(noisy * scale + shift)
        assert found.model == "gaussian"
        assert found.sigma == pytest.approx(plain.sigma * scale, rel=0.02)


def test_twelve_bits_in_sixteen_are_judged_by_their_own_range(clean: dict[str, Array]) -> None:
    noisy = np.clip(clean["camera"] + np.random.default_rng(6).normal(0, 10 / 255, (256, 256)), 0, 1)
    found = estimate(np.round(noisy * 4095).astype(np.uint16))
    assert found.model == "gaussian"
    assert found.sigma == pytest.approx(10 / 255 * 4095 / 65535, rel=0.07)


def test_a_few_hot_and_dead_pixels_do_not_make_the_range_of_floats() -> None:
    rng = np.random.default_rng(17)
    noisy = 0.5 + rng.normal(0, 0.05, (256, 256))
    for value in (1e6, -1e6):
        assert estimate(np.where(rng.random(noisy.shape) < 1e-4, value, noisy)).sigma == pytest.approx(0.05, rel=0.05)


def test_the_order_of_bytes_and_of_rows_does_not_matter(clean: dict[str, Array]) -> None:
    noisy = np.round(np.clip(clean["camera"] + np.random.default_rng(18).normal(0, 0.1, (256, 256)), 0, 1) * 65535).astype(np.uint16)
    sigma = estimate(noisy).sigma
    assert estimate(noisy.astype(">u2")).sigma == estimate(np.asfortranarray(noisy)).sigma == sigma


def test_unknown_pixels_do_not_count(clean: dict[str, Array]) -> None:
    rng = np.random.default_rng(7)
    noisy = clean["camera"] + rng.normal(0, 15 / 255, (256, 256))
    half = np.zeros((256, 256), bool)
    half[:, :256] = True
    scattered = rng.random((256, 256)) < 0.5
    for known in (half, scattered):
        spoiled = np.where(known, noisy, rng.random((256, 256)) * 5)
        assert estimate(spoiled, Scale.of(spoiled, known)).sigma * 255 == pytest.approx(15, rel=0.08)
        assert estimate(np.where(known, noisy, np.nan)).sigma == pytest.approx(estimate(spoiled, Scale.of(spoiled, known)).sigma)


# ── noise that grows ──


@pytest.mark.parametrize("peak", [10, 30, 100, 255])
@pytest.mark.parametrize("clipped", [True, False])
def test_photons_are_recognised_and_counted(clean: dict[str, Array], peak: int, clipped: bool) -> None:
    noisy = np.random.default_rng(peak).poisson(clean["coffee"] * peak) / peak
    found = estimate(eight_bit(noisy) if clipped else noisy)
    assert found.model == "poisson"
    assert found.gain * peak == pytest.approx(1, rel=0.2)


def test_read_noise_under_photons_is_told_from_them(clean: dict[str, Array]) -> None:
    rng = np.random.default_rng(8)
    noisy = rng.poisson(clean["coffee"] * 200) / 200 + rng.normal(0, 0.04, clean["coffee"].shape)
    found = estimate(noisy)
    assert found.model == "poisson"
    assert found.gain * 200 == pytest.approx(1, rel=0.2)
    assert found.read_noise == pytest.approx(0.04, rel=0.15)
    mean = clean["coffee"].mean()
    assert found.sigma == pytest.approx(float(np.sqrt(mean / 200 + 0.04**2)), rel=0.1)


def test_photons_of_a_dark_scene_are_counted_above_the_pedestal_that_the_camera_adds() -> None:
    """A fluorescence microscope: three fifths of the picture are background, and an electron-multiplying camera doubles the variance."""
    rng = np.random.default_rng(0)
    spots = gaussian_filter((rng.random((384, 384)) < 2e-3).astype(float), 4)
    spots[:, :230] = 0
    photons = 1.5 + 120 * spots / spots.max()
    counts = rng.poisson(photons)
    electrons = np.where(counts > 0, rng.gamma(np.maximum(counts, 1)), 0) + rng.normal(0, 1, photons.shape)
    found = estimate(eight_bit(0.06 + electrons / 300))
    assert found.model == "poisson"
    assert found.gain * 300 / 2 == pytest.approx(1, rel=0.15)
    ratio = found.level_map(0.06 + photons / 300)[..., 0] / (np.sqrt(2 * photons + 1) / 300)
    assert np.median(ratio[:, :200]) == pytest.approx(1, abs=0.15)
    assert np.median(ratio[spots > 0.3 * spots.max()]) == pytest.approx(1, abs=0.15)


def test_gaussian_noise_that_is_cut_off_at_black_and_white_does_not_count_as_growing() -> None:
    ramp = np.tile(np.linspace(0, 1, 512), (256, 1))
    for level in (15, 50):
        found = estimate(eight_bit(ramp + np.random.default_rng(level).normal(0, level / 255, ramp.shape)))
        assert found.model == "gaussian"
        assert found.sigma * 255 == pytest.approx(level, rel=0.05)


# ── impulses ──


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("share", [0.05, 0.1, 0.2, 0.4])
@pytest.mark.parametrize("kind", ["salt_pepper", "random_valued"])
def test_the_share_of_impulses_is_found(clean: dict[str, Array], name: str, share: float, kind: str) -> None:
    rng = np.random.default_rng(9)
    dice = rng.random(clean[name].shape)
    values = np.round(rng.random(dice.shape)) if kind == "salt_pepper" else rng.random(dice.shape)
    found = estimate(eight_bit(np.where(dice < share, values, clean[name])))
    assert found.model == "impulses"
    # Fine texture passes for a few of any value, hardly any for black and white.
    most = 0.3 if kind == "random_valued" else 0.12
    assert getattr(found, kind) == pytest.approx(share, rel=most)
    assert found.impulses == found.salt_pepper + found.random_valued == pytest.approx(share, rel=most)
    assert found.sigma < 4 / 255


def test_the_level_is_that_of_the_pixels_that_are_no_impulses(clean: dict[str, Array]) -> None:
    rng = np.random.default_rng(10)
    noisy = np.clip(clean["camera"] + rng.normal(0, 10 / 255, (256, 256)), 0, 1)
    dice = rng.random(noisy.shape)
    noisy[dice < 0.05], noisy[dice > 0.95] = 0, 1
    found = estimate(eight_bit(noisy))
    assert found.model == "impulses"
    assert found.salt_pepper == pytest.approx(0.1, rel=0.1)
    assert found.sigma * 255 == pytest.approx(10, rel=0.25)


def test_a_few_impulses_in_strong_gaussian_noise_do_not_decide(clean: dict[str, Array]) -> None:
    rng = np.random.default_rng(11)
    noisy = clean["camera"] + rng.normal(0, 25 / 255, (256, 256))
    noisy[rng.random(noisy.shape) < 0.005] = 1
    assert estimate(eight_bit(noisy)).model == "gaussian"


def stars() -> npt.NDArray[np.uint8]:
    rng = np.random.default_rng(12)
    y, x = np.mgrid[-6:7, -6:7]
    sky = np.zeros((400, 400))
    for row, column in rng.integers(6, 394, (300, 2)):
        sky[row - 6 : row + 7, column - 6 : column + 7] += 2 * rng.random() * np.exp(-(y**2 + x**2) / 2)
    return eight_bit(sky)


@pytest.mark.parametrize(
    "image",
    [
        pytest.param(page(), id="a page of text"),
        pytest.param(page() > 127, id="a 1-bit scan"),
        pytest.param((page() > 127).astype(np.uint8) * 255, id="a scan in black and white, 8 bits"),
        pytest.param(np.asarray(Image.fromarray(eight_bit(np.tile(np.linspace(0, 1, 400), (300, 1)))).convert("1")), id="a halftone"),
        pytest.param(stars(), id="stars"),
        pytest.param(eight_bit(drawing()), id="a drawing"),
        pytest.param(drawing(), id="a drawing in floats"),
        pytest.param(eight_bit(np.tile(np.linspace(0, 1, 400), (300, 1))), id="a ramp"),
        pytest.param(np.repeat(np.array([[0, 255]], np.uint8), 128, axis=1).repeat(256, axis=0), id="black beside white"),
    ],
)
def test_sharp_pictures_without_noise_have_none(image: npt.NDArray[np.generic]) -> None:
    found = estimate(image)
    assert (found.model, found.impulses) == ("none", 0)
    assert found.sigma < 1.5 / 255


def test_specks_on_a_1_bit_scan_are_impulses() -> None:
    scan = page() > 127
    dice = np.random.default_rng(13).random(scan.shape)
    found = estimate(np.where(dice < 0.05, ~scan, scan))
    assert found.model == "impulses"
    assert 0.01 < found.salt_pepper < 0.1


# ── what is hardly a picture ──


@pytest.mark.parametrize(
    ("image", "why"),
    [
        (np.full((40, 50), 0.3), "constant"),
        (np.zeros((40, 50, 3), np.uint8), "constant"),
        (np.zeros((0, 5)), "no pixels"),
        (np.full((20, 20), np.nan), "no pixel is known"),
        (np.full((20, 20), np.inf), "no pixel is known"),
        (np.array([[0.1]]), "constant"),
        (np.arange(9.0).reshape(3, 3), "too few"),
        (np.arange(5, dtype=np.uint8)[None], "too few"),
        (np.linspace(0, 1e-310, 400).reshape(20, 20), "too near"),
        (np.where(np.eye(20) > 0, -1.7e308, 1.7e308 * np.linspace(0, 1, 20)), "too far apart"),
    ],
)
def test_where_nothing_can_be_told_there_is_no_noise_and_the_reason_is_said(image: npt.NDArray[np.generic], why: str) -> None:
    found = estimate(image)
    assert (found.model, found.sigma, found.impulses) == ("none", 0, 0)
    assert why in found.evidence


@pytest.mark.parametrize("shape", [(1, 400), (400, 1), (3, 200), (12, 12), (40, 30)])
def test_narrow_and_small_pictures_get_an_estimate(shape: tuple[int, int]) -> None:
    found = estimate(0.5 + np.random.default_rng(14).normal(0, 0.1, shape))
    assert found.sigma == pytest.approx(0.1, rel=0.3)


def test_pure_noise_has_the_level_it_was_made_with() -> None:
    assert estimate(np.random.default_rng(15).normal(0, 1, (256, 256))).sigma == pytest.approx(1, rel=0.05)


def test_too_few_known_pixels_are_said_to_be_too_few() -> None:
    rng = np.random.default_rng(16)
    values = rng.random((100, 100))
    found = estimate(values, Scale.of(values, rng.random((100, 100)) < 0.1))
    assert found.model == "none"
    assert "too few known pixels" in found.evidence


def test_what_is_no_picture_is_refused() -> None:
    with pytest.raises(ValueError, match="a picture is"):
        estimate(np.zeros(5))
    with pytest.raises(TypeError, match="complex128"):
        estimate(np.zeros((5, 5), np.complex128))


def test_white_noise_of_colours_is_calm_though_luma_holds_more_content_and_a_cameras_is_not(samples: Path) -> None:
    clean = np.asarray(Image.open(samples / "coffee.png")) / 255
    noise = np.random.default_rng(17).standard_normal(clean.shape)
    balance, saturation = np.diag([1.2, 0.8, 1.0]), 1.3 * np.eye(3) - 0.1
    white, camera = (estimate(eight_bit(clean + 10 / 255 * each)) for each in (noise, noise @ balance @ saturation))
    assert white.model == camera.model == "gaussian"
    assert not white.restless, "what luma holds beyond white noise is content"
    assert camera.restless, "noise may be in clumps that the channels hide"
