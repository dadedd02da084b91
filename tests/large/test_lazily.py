"""Dask arrays in, lazy Dask arrays out, with the certificate of the whole."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from denoise_cli.large import denoise
from denoise_cli.variational import denoise as solve

da = pytest.importorskip("dask.array")


def noisy(*shape: int) -> Any:
    rng = np.random.default_rng(0)
    return (0.3 + 0.4 * (np.arange(shape[1]) // 40 % 2).reshape(1, -1, *(1 for _ in shape[2:])) + 0.1 * rng.standard_normal(shape)).astype(
        "float32"
    )


@pytest.mark.parametrize("shape", [(300, 260), (200, 260, 3)], ids=["grey", "colours"])
def test_chunks_are_the_whole_picture_within_the_gap(shape: tuple[int, ...]) -> None:
    picture = noisy(*shape)
    lazy, proof = denoise(da.from_array(picture, chunks=(90, 100, *shape[2:])), 0.15, certificate=True)
    assert lazy.shape == shape
    assert lazy.chunks[0][0] == 90
    found, certificate = lazy.compute(), proof.compute()
    truth = solve(picture, 0.15, method="optimal", gap=1e-5)
    assert truth.bound is not None
    assert certificate["gap"] <= 1e-3
    assert truth.bound * (1 - 1e-6) <= certificate["cost"] <= truth.cost * (1 + 1e-3)
    assert certificate["bound"] <= truth.cost
    one, _ = denoise(da.from_array(picture, chunks=shape), 0.15, certificate=True)
    np.testing.assert_array_equal(found, one.compute())


def test_nothing_is_solved_before_it_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    from denoise_cli.large import lazily

    solved: list[int] = []
    real = lazily.solve_window
    monkeypatch.setattr(lazily, "solve_window", lambda *words: solved.append(1) or real(*words))
    lazy = denoise(da.from_array(noisy(200, 200), chunks=(100, 100)), 0.1)
    assert not solved
    corner = lazy[:10, :10].compute(scheduler="synchronous")
    assert corner.shape == (10, 10)
    assert len(solved) == 1


def test_a_zarr_array_is_taken_as_it_is(tmp_path: Any) -> None:
    zarr = pytest.importorskip("zarr")
    pixels = (255 * np.clip(noisy(150, 170), 0, 1)).astype(np.uint8)
    array = zarr.create_array(tmp_path / "a.zarr", shape=pixels.shape, chunks=(64, 64), dtype=pixels.dtype)
    array[:] = pixels
    lazy = denoise(array)
    assert lazy.dtype == np.uint8
    assert np.std(lazy.compute()[:, 5:30]) < np.std(pixels[:, 5:30])


def test_the_network_by_chunks_is_the_network() -> None:
    from denoise_cli import denoise as of_python

    picture = noisy(320, 40)
    lazy = denoise(da.from_array(picture, chunks=(160, 40)), method="learned", sigma=0.1)
    assert lazy.chunks == ((160, 160), (40,))
    once = of_python(picture, method="learned", sigma=0.1, workers=1)
    np.testing.assert_allclose(lazy.compute(), getattr(once, "image", once), atol=1e-5)


def test_l1_by_chunks_is_certified() -> None:
    picture = noisy(150, 130)
    picture[np.random.default_rng(1).random(picture.shape) < 0.1] = 1
    lazy, proof = denoise(da.from_array(picture, chunks=(75, 130)), 0.8, fidelity="l1", gap=1e-2, certificate=True)
    found, certificate = lazy.compute(), proof.compute()
    truth = solve(picture, 0.8, method="optimal", fidelity="l1", gap=1e-4)
    assert truth.bound is not None
    assert certificate["gap"] <= 1e-2
    assert certificate["bound"] <= truth.cost
    dx, dy = np.diff(found, axis=1, append=found[:, -1:]), np.diff(found, axis=0, append=found[-1:])
    assert certificate["cost"] == pytest.approx(np.abs(found - picture).sum() + 0.8 * np.hypot(dx, dy).sum(), rel=1e-5)


def test_what_needs_the_whole_picture_is_refused() -> None:
    with pytest.raises(ValueError, match="whole picture"):
        denoise(da.from_array(noisy(100, 100)), 0.1, method="matlab")
    with pytest.raises(ValueError, match="a picture is"):
        denoise(da.zeros((3, 100, 100)), 0.1)
