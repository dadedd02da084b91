"""What the widget for napari does to arrays: needs no napari."""

from __future__ import annotations

import importlib.metadata
import re
from pathlib import Path

import numpy as np
import pytest

import denoise_cli.napari_plugin
from denoise_cli import denoise
from denoise_cli.napari_plugin.layer_pixels import MARGIN, automatic_methods, denoised, denoised_stack, seen

SCENE = np.add.outer(np.arange(40) * 3, np.arange(50) * 2).astype(np.float64)


def noisy(seed: int, kind: type = np.uint8, sigma: float = 15) -> np.ndarray:
    return np.clip(SCENE + np.random.default_rng(seed).normal(0, sigma, SCENE.shape), 0, 255).astype(kind)


def test_the_manifest_names_the_widget_and_the_package_names_the_manifest() -> None:
    manifest = (Path(denoise_cli.napari_plugin.__file__).parent / "napari.yaml").read_text()
    module, name = re.search(r"python_name: (\S+):(\S+)", manifest).groups()  # type: ignore[union-attr]
    source = Path(denoise_cli.napari_plugin.__file__).parent / f"{module.rpartition('.')[2]}.py"
    assert module == f"denoise_cli.napari_plugin.{source.stem}"
    assert f"class {name}(" in source.read_text()
    project = (Path(__file__).parents[2] / "pyproject.toml").read_text()
    assert 'denoise-cli = "denoise_cli.napari_plugin:napari.yaml"' in project
    assert manifest.startswith(f"name: {importlib.metadata.metadata('denoise-cli')['Name']}\n")


def test_a_layer_comes_back_in_its_type_as_denoise_gives_it() -> None:
    for kind, white in ((np.uint8, 255), (np.uint16, 65535)):
        pixels = (noisy(0).astype(float) / 255 * white).astype(kind)
        result, sentence = denoised(pixels, method="optimal", strength=1, rgb=False)
        assert result.dtype == kind
        expected = denoise(pixels, method="optimal")
        assert np.abs(result - expected.image * white).max() <= 0.51
        assert sentence == expected.plan.sentence


def test_twice_the_strength_is_smoother() -> None:
    weak, strong = (denoised(noisy(1), method="optimal", strength=strength, rgb=False)[0].astype(int) for strength in (0.5, 2))
    assert np.abs(np.diff(strong)).sum() < np.abs(np.diff(weak)).sum()


def test_alpha_of_a_colour_layer_stays() -> None:
    colours = np.dstack([noisy(number) for number in range(4)])
    result, _ = denoised(colours, method="optimal", strength=1, rgb=True)
    assert np.array_equal(result[..., 3], colours[..., 3])
    assert not np.array_equal(result[..., :3], colours[..., :3])


def test_every_slice_of_a_stack_is_as_it_would_be_alone() -> None:
    stack = np.stack([[noisy(number, sigma=5 + 5 * number) for number in range(2)]])
    *_, (whole, _, share) = denoised_stack(stack, method="optimal", strength=1, rgb=False)
    assert share == 1
    for number in range(2):
        assert np.array_equal(whole[0, number], denoised(stack[0, number], method="optimal", strength=1, rgb=False)[0])


def test_what_is_seen_is_cut_out_with_a_margin_that_is_cut_off_again() -> None:
    data = np.arange(3 * 200 * 300).reshape(3, 200, 300)
    view = seen(data.shape, (1, 2), (1, 0, 0), [[1, 100, 10], [1, 149, 99]])
    part = data[view.index]
    assert part.shape == (50 + 2 * MARGIN, 90 + 10 + MARGIN)
    assert np.array_equal(part[view.inner], data[1, 100:150, 10:100])
    assert view.offset == (1, 100, 10)


@pytest.mark.parametrize("corners", [[[0, 0], [0, -1]], [[500, 10], [600, 20]]])
def test_a_view_that_holds_nothing_is_the_whole_slice(corners: list[list[int]]) -> None:
    view = seen((40, 50), (0, 1), (0, 0), corners)
    assert SCENE[view.index][view.inner].shape[0] == 40


def test_only_methods_without_a_number_are_offered() -> None:
    assert "optimal" in automatic_methods()
    assert "matlab" not in automatic_methods()
