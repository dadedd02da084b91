"""The two engines compute the same network, and read the same file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from denoise_cli.methods.learned.geometry import Geometry, geometry
from denoise_cli.methods.learned.network import COLOUR, FELT, GREY, restore
from denoise_cli.methods.learned.numpy_engine import NumpyEngine
from denoise_cli.methods.learned.onnx_file import read_model
from denoise_cli.methods.learned.runtime import RuntimeEngine
from denoise_cli.methods.learned.tiles import Engine, Tensor, in_tiles, layout


@pytest.mark.parametrize("path", [GREY, COLOUR], ids=lambda path: path.stem)
def test_numpy_computes_what_the_runtime_computes(path: Path) -> None:
    pytest.importorskip("onnxruntime")
    model = read_model(path)
    rng = np.random.default_rng(0)
    picture = rng.random((geometry(model).channels, 56, 72), np.float32)
    for told in (0.0, 0.1):
        level = np.full_like(picture, told)
        assert np.abs(NumpyEngine(model)(picture, level) - RuntimeEngine(path)(picture, level)).max() < 1e-4


def test_numpy_computes_a_convolution_as_it_is_defined(network: Callable[..., Path]) -> None:
    model = read_model(network(channels=2))
    picture = np.random.default_rng(2).normal(0, 1, (2, 9, 7)).astype(np.float32)
    weights, padded = model.weights["weights"], np.pad(picture, ((0, 0), (1, 1), (1, 1)))
    smooth = np.zeros_like(picture)
    for o, y, x in np.ndindex(*picture.shape):
        smooth[o, y, x] = np.sum(weights[o] * padded[:, y : y + 3, x : x + 3])
    np.testing.assert_allclose(NumpyEngine(model)(picture, picture), picture - np.maximum(smooth, 0), atol=1e-5)


@pytest.mark.parametrize("path", [GREY, COLOUR], ids=lambda path: path.stem)
def test_the_shipped_networks_keep_to_their_budget(path: Path) -> None:
    """At most 250 kFLOP a pixel and 2.5 million weights; sides are padded to multiples of 8."""
    model = read_model(path)
    assert sum(values.size for values in model.weights.values()) <= 2.5e6
    assert geometry(model).multiple == 8
    assert all(values.dtype == np.float16 for values in model.weights.values())
    floats, scale = 0.0, {"picture": 1.0, "level": 1.0}
    for node in model.nodes:
        known = [scale[name] for name in node.inputs if name in scale]
        if not known:
            continue
        at = known[0]
        if node.operator in ("Conv", "ConvTranspose"):
            shape = model.weights_of(node.inputs[1]).shape
            stride = node.attributes.get("strides", [1])[0]  # type: ignore[index]
            after = at * stride if node.operator == "Conv" else at
            floats += 2 * np.prod(shape) / after**2
            at = at * stride if node.operator == "Conv" else at / stride
        elif node.operator in ("SpaceToDepth", "DepthToSpace"):
            at = at * 2 if node.operator == "SpaceToDepth" else at / 2
        scale[node.outputs[0]] = at
    assert 100e3 < floats < 250e3


def tiles_of(engine: Engine, picture: Tensor, level: Tensor, shape: Geometry, **options: Any) -> Tensor:
    """The picture in tiles, put together again."""
    whole = np.full_like(picture, np.nan)

    def piece(rows: slice, columns: slice) -> tuple[Tensor, Tensor]:
        return np.ascontiguousarray(picture[:, rows, columns]), np.ascontiguousarray(level[:, rows, columns])

    def keep(rows: slice, columns: slice, clean: Tensor) -> None:
        whole[:, rows, columns] = clean

    in_tiles(engine, (picture.shape[1], picture.shape[2]), shape, piece, keep, **options)
    return whole


def test_tiles_give_what_the_whole_picture_gives() -> None:
    pytest.importorskip("onnxruntime")
    model, engine = read_model(GREY), RuntimeEngine(GREY)
    shape = geometry(model)
    assert shape.reach is not None
    picture = np.random.default_rng(0).random((1, 264, 936), np.float32)
    level = np.full_like(picture, 0.1)
    calls: list[tuple[int, int]] = []
    tiled = tiles_of(engine, picture, level, shape, largest=264 * 600, told=lambda done, all_of_them: calls.append((done, all_of_them)))
    assert len(calls) > 1
    assert calls[-1][0] == calls[-1][1] == len(calls)
    assert np.abs(tiled - engine(picture, level)).max() < 1e-5


@pytest.mark.parametrize("largest", [2000, 400, 150])
def test_tiles_in_both_directions_give_what_the_whole_picture_gives(network: Callable[..., Path], largest: int) -> None:
    model = read_model(network(channels=2))
    assert geometry(model).reach == 1
    picture = np.random.default_rng(0).normal(0, 1, (2, 61, 47)).astype(np.float32)
    engine = NumpyEngine(model)
    np.testing.assert_allclose(tiles_of(engine, picture, picture, geometry(model), largest=largest), engine(picture, picture), atol=1e-6)


@pytest.mark.parametrize("path", [GREY, COLOUR], ids=lambda path: path.stem)
def test_nothing_is_felt_beyond_the_overlap_of_the_shipped_networks(path: Path) -> None:
    """A cut `FELT` pixels away, and noise beyond it in the place of the picture, change the result by less than 1e-5."""
    pytest.importorskip("onnxruntime")
    engine, channels = RuntimeEngine(path), geometry(read_model(path)).channels
    rng = np.random.default_rng(0)
    picture = rng.random((channels, 64, 2 * FELT), np.float32)
    for told in (0.0, 0.1):
        level = np.full_like(picture, told)
        alone = engine(picture[..., :FELT], level[..., :FELT])[..., :8]
        assert np.abs(engine(picture, level)[..., :8] - alone).max() < 1e-5


@pytest.mark.parametrize(("height", "width"), [(3000, 4000), (4000, 3000), (8, 100000), (100000, 8), (2048, 2048), (12000, 9000)])
def test_no_piece_is_larger_than_allowed_and_little_is_computed_twice(height: int, width: int) -> None:
    halo, largest = 128, 2 << 20
    rows, columns = layout(height, width, halo, 8, largest)
    tall, wide = min(height, rows + 2 * halo), min(width, columns + 2 * halo)
    assert rows % 8 == columns % 8 == 0
    assert tall * wide <= largest
    assert -(-height // rows) * -(-width // columns) * tall * wide <= 1.75 * height * width


def test_the_reach_is_not_less_than_the_network_looks() -> None:
    """A pixel changed in the middle changes nothing farther away than the reach, and something near it."""
    pytest.importorskip("onnxruntime")
    engine, shape = RuntimeEngine(GREY), geometry(read_model(GREY))
    assert shape.reach is not None
    picture = np.random.default_rng(0).random((1, 8, 1024), np.float32)
    other = picture.copy()
    other[0, 4, 512] += 100
    level = np.zeros_like(picture)
    changed = np.flatnonzero((engine(picture, level) != engine(other, level)).any((0, 1)))
    assert 512 - shape.reach <= changed.min() < 500
    assert 524 < changed.max() <= 512 + shape.reach


def test_a_device_that_is_not_there_is_said_in_one_sentence() -> None:
    pytest.importorskip("onnxruntime")
    with pytest.raises(ValueError, match=r"^device warp is not there: this ONNX Runtime has .*cpu.*; name one of these, or install"):
        restore(np.ones((8, 8), np.float32), device="warp")


def test_without_the_runtime_numpy_computes_and_says_that_it_has_no_device(monkeypatch: pytest.MonkeyPatch) -> None:
    from denoise_cli.methods.learned import network as module

    monkeypatch.setattr(module, "installed", lambda: False)
    module.loaded.cache_clear()
    image = np.random.default_rng(0).random((16, 16), np.float32)
    by_numpy = restore(image, 0.1)
    with pytest.raises(ValueError, match=r"^The device cuda needs ONNX Runtime"):
        restore(image, device="cuda")
    module.loaded.cache_clear()
    monkeypatch.undo()
    np.testing.assert_allclose(restore(image, 0.1), by_numpy, atol=1e-4)
