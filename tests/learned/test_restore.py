"""What `restore` promises: better pictures, every size and unit, and a sentence for what it cannot do."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from denoise_cli.methods.learned import restore

SAMPLES = Path(__file__).parents[2] / "sample_images"


def sample(name: str) -> NDArray[np.float32]:
    with Image.open(SAMPLES / name) as picture:
        return np.asarray(picture, np.float32) / 255


def psnr_db(result: NDArray[np.float32], clean: NDArray[np.float32]) -> float:
    return float(-10 * np.log10(np.mean((result.astype(float) - clean) ** 2)))


def with_noise(clean: NDArray[np.float32], sigma: float) -> NDArray[np.float32]:
    return clean + np.float32(sigma) * np.random.default_rng(25).standard_normal(clean.shape, np.float32)


@pytest.mark.parametrize("told", [25 / 255, None], ids=["level known", "blind"])
def test_camera_is_restored_much_better_than_by_total_variation(told: float | None) -> None:
    """TV reaches 28.8 dB at its best λ under σ = 25/255 (README.md)."""
    clean = sample("camera.png")
    assert psnr_db(restore(with_noise(clean, 25 / 255), told), clean) > 30.2


def test_the_mean_of_eight_turned_and_mirrored_runs_is_better_and_turns_with_the_picture() -> None:
    clean = sample("camera.png")[100:196, 60:188]
    noisy = with_noise(clean, 25 / 255)
    once, mean = (restore(noisy, 25 / 255, copies=copies) for copies in (1, 8))
    assert psnr_db(mean, clean) > psnr_db(once, clean) + 0.05
    turned = restore(np.ascontiguousarray(np.rot90(noisy)[:, ::-1]), 25 / 255, copies=8)
    np.testing.assert_allclose(turned[:, ::-1], np.rot90(mean), atol=1e-5)
    assert np.abs(np.rot90(once) - restore(np.ascontiguousarray(np.rot90(noisy)), 25 / 255)).max() > 1e-3


@pytest.mark.parametrize(("copies", "least"), [(2, 0.01), (4, 0.02)])
def test_the_mean_of_fewer_runs_is_better_too(copies: int, least: float) -> None:
    clean = sample("coffee.png")[40:136, 60:188]
    noisy = with_noise(clean, 25 / 255)
    assert psnr_db(restore(noisy, 25 / 255, copies=copies), clean) > psnr_db(restore(noisy, 25 / 255), clean) + least


def test_a_colour_picture_is_restored_with_its_colours() -> None:
    clean = sample("coffee.png")[:200, :304]
    assert psnr_db(restore(with_noise(clean, 25 / 255), 25 / 255), clean) > 31.0


def test_a_clean_picture_comes_back() -> None:
    for name in ("camera.png", "coffee.png"):
        clean = sample(name)[:256, :256]
        assert psnr_db(restore(clean, 0.2 / 255), clean) > 45


@pytest.mark.parametrize("shape", [(1, 1), (1, 37), (41, 1), (9, 17), (16, 16), (7, 23, 1), (7, 23, 2), (7, 23, 3), (7, 23, 5)])
@pytest.mark.parametrize("kind", [np.float32, np.float64])
def test_every_size_and_number_of_channels_comes_back_in_its_shape_and_type(shape: tuple[int, ...], kind: type) -> None:
    image = np.random.default_rng(0).random(shape).astype(kind)
    result = restore(image, 0.05)
    assert result.shape == image.shape
    assert result.dtype == kind
    assert np.isfinite(result).all()


@pytest.mark.parametrize("factor", [65535.0, 3.7, 1e-3, 1e30, 1e-30])
@pytest.mark.parametrize("told", [0.08, None])
def test_the_unit_of_the_picture_does_not_matter(factor: float, told: float | None) -> None:
    """The network has no bias: k·picture with k·level gives k times the result."""
    image = with_noise(sample("camera.png")[200:264, 200:264], 0.08).astype(np.float64)
    once, scaled = restore(image, told), restore(image * factor, told and told * factor)
    assert np.abs(scaled / factor - once).max() < 1e-5


def test_a_larger_level_removes_more() -> None:
    """From half of the true level up; a level far too small is taken for one that is not known."""
    image = with_noise(sample("camera.png")[:128, :128], 0.1)
    removed = [float(np.std(image - restore(image, level))) for level in (0.05, 0.1, 0.15)]
    assert removed[0] < removed[1] < removed[2]


def test_one_level_a_channel_and_a_map_of_levels_say_the_same() -> None:
    image = with_noise(sample("coffee.png")[:64, :64], 0.1)
    by_channel, by_map = restore(image, (0.05, 0.1, 0.15)), restore(image, np.ones_like(image) * (0.05, 0.1, 0.15))
    np.testing.assert_array_equal(by_channel, by_map)
    np.testing.assert_array_equal(restore(image, 0.1), restore(image, np.full(image.shape[:2], 0.1)))


def test_a_map_says_where_the_noise_is() -> None:
    """Noise in the right half only: the left half must stay closer to what it was than under the same level everywhere."""
    clean = sample("camera.png")[100:228, 100:228]
    level = np.zeros_like(clean)
    level[:, 64:] = 0.1
    image = clean + level * with_noise(np.zeros_like(clean), 1.0)
    level += 1e-3
    assert psnr_db(restore(image, level)[:, :56], clean[:, :56]) > psnr_db(restore(image, 0.1)[:, :56], clean[:, :56]) + 3


def test_a_grey_picture_in_three_channels_stays_grey_and_equals_the_grey_result() -> None:
    grey = with_noise(sample("camera.png")[:64, :64], 0.1)
    result = restore(np.repeat(grey[..., None], 3, 2), 0.1)
    np.testing.assert_allclose(result, np.repeat(restore(grey, 0.1)[..., None], 3, 2), atol=1e-6)


def test_many_channels_are_each_restored_as_a_grey_picture() -> None:
    image = np.stack([with_noise(sample("camera.png")[c : c + 40, :40], 0.1) for c in range(4)], 2)
    result = restore(image, (0.1, 0.05, 0.0, 0.2))
    for channel, level in enumerate((0.1, 0.05, 0.0, 0.2)):
        np.testing.assert_allclose(result[..., channel], restore(image[..., channel], level), atol=1e-5)


def test_a_black_picture_stays_black() -> None:
    assert not restore(np.zeros((10, 10, 3), np.float32), 0.1).any()


@pytest.mark.parametrize(
    ("image", "levels", "words"),
    [
        (np.ones((4, 4, 3, 1), np.float32), None, "A picture is"),
        (np.ones((4, 4), np.uint8), None, "A picture is"),
        (np.array([[1.0, np.nan]]), None, "not finite"),
        (np.ones((4, 5), np.float32), np.ones((5, 4)), "do not fit"),
        (np.ones((4, 4, 3), np.float32), (0.1, 0.1), "do not fit"),
        (np.ones((4, 4), np.float32), -0.1, "not negative"),
        (np.ones((4, 4), np.float32), np.inf, "finite"),
    ],
)
def test_what_does_not_fit_is_refused_in_a_sentence(image: NDArray[np.float32], levels: object, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        restore(image, levels)  # type: ignore[arg-type]


def test_somebody_elses_network_runs(network: Callable[..., Path]) -> None:
    image = np.random.default_rng(0).random((12, 11, 4), np.float32)
    result = restore(image, model=network())
    assert np.abs(result - image).max() > 0.01
    np.testing.assert_allclose(result[..., 2], restore(image[..., 2], model=network()), atol=1e-6)
    with pytest.raises(ValueError, match=r"network\.onnx is for 2 channels, and the picture has 4\."):
        restore(image, model=network(channels=2))


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"inputs": ("picture",)}, r"has the inputs `picture`; a network for this method has `level`, `picture`\."),
        ({"inputs": ("input", "sigma")}, r"has the inputs `input`, `sigma`"),
        ({"outputs": ("denoised",)}, r"has the outputs `denoised`; a network for this method has `clean`\."),
        ({"sides": (256, 256)}, r"`picture` is 1 × 1 × 256 × 256; it should be 1 × channels × any height × any width"),
    ],
)
def test_a_network_of_another_signature_is_refused(network: Callable[..., Path], changed: dict[str, object], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        restore(np.ones((8, 8), np.float32), model=network(**changed))


@pytest.mark.parametrize("content", [b"", b"\x89PNG\r\n\x1a\n not a network", bytes(100), b"\x3a\xff\xff\xff\x07abc"])
def test_a_file_that_is_no_network_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "other.onnx"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"^other\.onnx is not a network in ONNX that can be read"):
        restore(np.ones((8, 8), np.float32), model=path)


def test_a_network_that_was_cut_off_anywhere_is_refused(network: Callable[..., Path]) -> None:
    path = network()
    whole = path.read_bytes()
    for length in range(0, len(whole) - 1, 7):
        path.write_bytes(whole[:length])
        with pytest.raises(ValueError, match=r"network\.onnx"):
            restore(np.ones((8, 8), np.float32), model=path)
