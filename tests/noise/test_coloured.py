"""Noise in clumps is recognised, and its strength, its spectrum and its growth with brightness are those it was made with."""

from __future__ import annotations

import io
import json
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy.ndimage import gaussian_filter, median_filter

from denoise_cli.choice.choose import choose
from denoise_cli.choice.risk import Stein
from denoise_cli.measure.scale import Scale
from denoise_cli.noise.blocks import Samples
from denoise_cli.noise.coloured import coloured
from denoise_cli.noise.estimate import estimate
from denoise_cli.noise.model import Noise
from denoise_cli.noise.ring_energies import SquareBlocks
from denoise_cli.noise.spectrum import RINGS, Spectrum
from denoise_cli.noise.stabilise import stabiliser_for
from denoise_cli.variational import denoise, psnr_db

SIGMA = 12 / 255


@pytest.fixture(scope="module")
def coffee(samples: Path) -> np.ndarray:
    return np.asarray(Image.open(samples / "coffee.png")) / 255


def blurred(clean: np.ndarray, width: float, sigma: float = SIGMA, seed: int = 0) -> np.ndarray:
    noise = gaussian_filter(np.random.default_rng(seed).standard_normal(clean.shape), (width, width, 0), mode="wrap")
    return clean + sigma * noise / noise.std()


@pytest.mark.parametrize("width", [0.6, 0.9])
def test_blurred_noise_is_found_with_its_strength_and_its_clumps(coffee: np.ndarray, width: float) -> None:
    found = estimate(np.rint(np.clip(blurred(coffee, width), 0, 1) * 255).astype(np.uint8))
    assert found.model == "coloured"
    assert found.sigma == pytest.approx(SIGMA, rel=0.25)
    assert found.clump == pytest.approx(2 * np.sqrt(np.pi) * width, rel=0.25)  # σ²·(4πw²) is the density at frequency 0
    assert "clumps of about" in found.evidence
    json.dumps(asdict(found))


def test_white_noise_is_not_taken_for_noise_in_clumps(coffee: np.ndarray) -> None:
    for sigma in (5, 15, 40):
        assert estimate(coffee + np.random.default_rng(1).normal(0, sigma / 255, coffee.shape)).model == "gaussian"


def test_lambda_for_noise_in_clumps_is_near_the_best(coffee: np.ndarray) -> None:
    noisy = np.clip(blurred(coffee, 0.8), 0, 1).astype(np.float32)
    choice = choose(noisy)
    scores = {w: psnr_db(denoise(noisy, w, method="optimal", records=False).image, coffee) for w in (0.06, 0.09, 0.13, 0.18, choice.weight)}
    assert choice.noise.model == "coloured"
    assert max(scores.values()) - scores[choice.weight] < 0.5


def test_noise_that_is_drawn_has_the_spectrum_it_was_drawn_from() -> None:
    density = tuple(((4.0 / (1 + ring) ** 2,),) for ring in range(len(RINGS) - 1))
    spectrum = Spectrum(density)
    noise = spectrum.draw((256, 256), np.random.default_rng(2))
    assert noise.std() == pytest.approx(spectrum.sigmas[0], rel=0.03)
    power = np.abs(np.fft.fft2(noise[:, :, 0])) ** 2 / 256**2
    radius = np.hypot(np.fft.fftfreq(256)[:, None], np.fft.fftfreq(256)[None, :])
    for ring in (2, 4, 6):
        centre = (RINGS[ring] + RINGS[ring + 1]) / 2
        assert power[np.abs(radius - centre) < 0.006].mean() == pytest.approx(density[ring][0][0], rel=0.15)


def test_noise_grows_with_brightness_as_the_record_says() -> None:
    spectrum = Spectrum(tuple(((1e-4,),) for _ in RINGS[:-1]), ((0.0, 0.25), (1.0, 4.0)))
    noise = Noise("coloured", 0.01, (0.01,), 0, 0, 0, 0, 0.01, "", spectrum=spectrum)
    ends = np.repeat([0.0, 1.0], 64)[None, :].repeat(128, axis=0)
    levels = noise.level_map(ends)
    assert (levels[64, 10, 0], levels[64, 118, 0]) == pytest.approx((0.005, 0.02))
    drawn = noise.draw((128, 128), np.random.default_rng(3), ends)
    assert (drawn[:, :50].std(), drawn[:, 78:].std()) == pytest.approx((0.005, 0.02), rel=0.05)


def test_the_estimated_error_of_any_denoiser_under_noise_in_clumps_is_its_error(coffee: np.ndarray) -> None:
    clean = coffee[:128, :128, 0].astype(np.float32)[:, :, None]
    spectrum = Spectrum(tuple(((value,),) for value in (0.02, 0.02, 0.02, 0.01, 0.005, 0.001, 0.0002, 0.0001)))
    noise = Noise("coloured", spectrum.sigmas[0], spectrum.sigmas, 0, 0, 0, 0, 0, "", spectrum=spectrum)
    noisy = clean + noise.draw((128, 128), np.random.default_rng(4))
    for width in (0.5, 1.5, 3.0):
        estimated = Stein(noisy, noise)(lambda pixels, width=width: gaussian_filter(pixels, (width, width, 0)))  # type: ignore[misc]
        assert estimated == pytest.approx(float(np.mean((gaussian_filter(noisy, (width, width, 0)) - clean) ** 2)), rel=0.15)


def test_strength_multiplies_lambda(coffee: np.ndarray) -> None:
    noisy = coffee[:100, :100] + np.random.default_rng(5).normal(0, 0.08, (100, 100, 3))
    assert choose(noisy, strength=0.7).weight == pytest.approx(0.7 * choose(noisy).weight)
    with pytest.raises(ValueError, match="strength"):
        choose(noisy, strength=0)


def test_only_noise_that_grows_is_stabilised(coffee: np.ndarray) -> None:
    rng = np.random.default_rng(6)
    growing, level = rng.poisson(coffee[:, :, 1] * 60) / 60, coffee[:, :, 1] + rng.normal(0, 0.08, coffee.shape[:2])
    stabiliser = stabiliser_for(estimate(growing), Scale.of(growing))
    assert stabiliser is not None
    assert stabiliser.gain == pytest.approx(1 / 60, rel=0.2)
    assert stabiliser_for(estimate(level), Scale.of(level)) is None


def test_a_pattern_with_white_noise_is_not_taken_for_noise_in_clumps() -> None:
    y, x = np.mgrid[:200, :200]
    board = 0.2 + 0.5 * ((x // 25 + y // 25) % 2)
    found = estimate(board + np.random.default_rng(26).normal(0, 0.05, board.shape))
    assert found.model == "gaussian"
    assert found.sigma == pytest.approx(0.05, rel=0.05)


def test_blurred_noise_is_found_in_a_grey_picture(samples: Path) -> None:
    camera = np.asarray(Image.open(samples / "camera.png"))[:, :, None] / 255
    found = estimate(np.rint(np.clip(blurred(camera, 0.7), 0, 1) * 255).astype(np.uint8)[:, :, 0])
    assert found.model == "coloured"
    assert found.sigma == pytest.approx(SIGMA, rel=0.25)


def test_grains_that_cast_shadows_are_told_from_noise_of_the_same_spectrum() -> None:
    field = gaussian_filter(np.random.default_rng(7).standard_normal((300, 300)), 0.7, mode="wrap")
    field /= field.std()
    sand, noise = 0.7 - 0.06 * np.exp(-0.6 * field), field * 0.06 + 0.5
    found = {name: coloured(SquareBlocks(Samples.of(picture))) for name, picture in (("sand", sand), ("noise", noise))}
    assert found["noise"] is not None
    assert found["sand"] is not None
    assert found["noise"].lopsided < 0.1 < 0.3 < found["sand"].lopsided
    assert estimate(noise).model == "coloured" != estimate(sand).model


def test_texture_along_a_line_is_irregular_and_noise_is_not() -> None:
    rng = np.random.default_rng(8)
    noise = gaussian_filter(rng.standard_normal((300, 300)), 0.7)
    threads = gaussian_filter(rng.standard_normal((300, 300)), (4.0, 0.7)) + 0.02 * rng.standard_normal((300, 300))
    found = [coloured(SquareBlocks(Samples.of(picture))) for picture in (noise, threads)]
    assert found[0] is not None
    assert found[1] is not None
    assert abs(found[0].irregular) < 0.15
    # Within a ring, the energy of a thread lies at few frequencies: the mean of its logarithm is far below the logarithm of its mean.
    assert found[1].spectrum.sigmas[0] < 0.5 * threads.std() / Scale.of(threads).unit


def test_white_noise_that_jpeg_compressed_gets_nearly_the_best_lambda(coffee: np.ndarray) -> None:
    clean = coffee[:300, :300]
    noisy = clean + np.random.default_rng(17).normal(0, 20 / 255, clean.shape)
    file = io.BytesIO()
    Image.fromarray(np.rint(np.clip(noisy, 0, 1) * 255).astype(np.uint8)).save(file, "jpeg", quality=75)
    stored = np.asarray(Image.open(file))
    found = estimate(stored)
    # JPEG halves the resolution of chroma, so that its noise is in clumps while that of luma stays white.
    assert found.model == "coloured"
    assert found.sigma == pytest.approx(float(np.sqrt(np.mean((stored / 255 - clean) ** 2))), rel=0.2)
    choice = choose(stored, noise=found)
    scores = [psnr_db(denoise(stored, w, method="optimal", records=False).image, clean) for w in (0.08, 0.1, 0.13, 0.16, choice.weight)]
    assert max(scores) - scores[-1] < 0.5


def terrain(power: float) -> np.ndarray:
    """Heights in metres, rough at every scale: energy falls with the frequency to the `power`."""
    frequency = np.hypot(np.fft.fftfreq(256)[:, None], np.fft.rfftfreq(256)[None, :])
    frequency[0, 0] = 1
    rough = np.fft.irfft2(np.fft.rfft2(np.random.default_rng(6).standard_normal((256, 256))) * frequency ** (-power / 2))
    return 900 + 300 * (rough - rough.mean()) / rough.std()


@pytest.mark.parametrize("power", [2.5, 3.0])
def test_terrain_that_is_rough_at_every_scale_is_no_noise(power: float) -> None:
    heights = terrain(power)
    assert estimate(heights.astype(np.float32)).model == "none"
    assert estimate(heights.astype(np.int16)).model == "none"


def test_white_noise_on_rough_terrain_is_told_from_it_and_not_for_more_than_it_is() -> None:
    heights = terrain(2.5)
    found = estimate(heights + np.random.default_rng(2).normal(0, 60, heights.shape))
    assert found.model == "gaussian"
    assert 30 < found.sigma < 66


def test_a_screen_repeats_itself_and_is_no_noise() -> None:
    y, x = np.mgrid[:256, :256]
    screen = gaussian_filter(np.where(np.sin(1.1 * x) * np.sin(1.1 * y) > x / 200 - 0.6, 0.9, 0.1), 0.7)
    found = estimate(np.rint(255 * screen).astype(np.uint8))
    assert found.model == "none"
    assert "repeats itself" in found.evidence


def test_luma_whose_finest_frequencies_are_alike_empty_is_not_taken_for_white(coffee: np.ndarray) -> None:
    """A median filter takes the finest noise out: the last two rings have little of it, and about the same."""
    noisy = median_filter(coffee + np.random.default_rng(3).normal(0, 20 / 255, coffee.shape), (3, 3, 1))
    found = estimate(np.rint(255 * np.clip(noisy, 0, 1)).astype(np.uint8))
    assert found.model == "coloured"
    assert found.luma == pytest.approx(float((noisy - median_filter(coffee, (3, 3, 1))).mean(axis=2).std() * 3**0.5), rel=0.3)
