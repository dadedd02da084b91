"""Restore a picture by a network: any size, any number of channels, any unit. The one door to the learned method."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from denoise_cli.methods.learned.geometry import Geometry, geometry
from denoise_cli.methods.learned.numpy_engine import NumpyEngine
from denoise_cli.methods.learned.onnx_file import read_model
from denoise_cli.methods.learned.runtime import RuntimeEngine, installed
from denoise_cli.methods.learned.tiles import LARGEST_PIXELS, in_tiles

__all__ = ["COLOUR", "GREY", "reach_of", "restore"]

Array = NDArray[Any]
Levels = float | Sequence[float] | Array | None

HERE = Path(__file__).parent
GREY, COLOUR = HERE / "grey.onnx", HERE / "colour.onnx"
#: The shipped networks could look 178 pixels far, but feel nothing beyond: a cut 96 pixels away changes the result by less than 1e-6,
#: white being 1 (tests/learned/test_engines.py measures it).
FELT = 128


def restore(
    image: Array,
    levels: Levels = None,
    *,
    model: Path | None = None,
    device: str = "cpu",
    workers: int | None = None,
    largest: int = LARGEST_PIXELS,
    told: Callable[[int, int], None] | None = None,
) -> Array:
    """The picture without its noise: an array of the shape and type (float32 or float64) of `image`, computed in float32.

    `image` is (height, width) or (height, width, channels), every value finite; unknown pixels are filled before.

    `levels` is the standard deviation of the noise in the unit of the picture: a number, one number a channel, or a map, (height, width) or
    of the shape of `image`. 0 or None means that it is not known. From half of the true level up, a larger level removes more; one that is
    far too small is taken for 0.

    For any k > 0, k·image with k·levels gives k times the result. Adding a constant to the picture is not undone, because the networks were
    trained on photographs with black at 0: the caller subtracts black first.

    Three channels are taken as a colour and go through the colour network, unless they are equal: then the grey network runs once, and
    the result stays grey. Every other number of channels goes through the grey network, channel by channel.

    `model` is another network of the same signature (docs/learned.md); `device` and `workers` are those of ONNX Runtime, without which
    NumPy computes the same, on the CPU. Pieces have at most `largest` pixels; `told(done, all)` is called after each of one pass.
    ValueError in one sentence: a picture or level that does not fit, a file that is no such network, a device that is not there.
    """
    values, peak = checked(image)
    given = level_map(levels, values.shape)
    if peak == 0.0:
        return image.copy()
    # A power of two is exact in floating point, so that the unit of the picture does not matter, not even at the ends of float32.
    unit = 2.0 ** math.floor(math.log2(peak))
    picture = np.empty((values.shape[2], *values.shape[:2]), np.float32)
    np.multiply(np.moveaxis(values, 2, 0), 1 / unit, out=picture, casting="same_kind")
    level = np.broadcast_to(np.moveaxis(given / unit, 2, 0).astype(np.float32), picture.shape)

    channels = picture.shape[0]
    alike = channels == 3 and all(bool((picture[c] == picture[0]).all()) for c in (1, 2))
    path = model or (COLOUR if channels == 3 and not alike else GREY)
    network, shape = loaded(path, path.stat().st_mtime_ns, device, workers)

    def run(picture: Array, level: Array) -> Array:
        return padded_run(network, shape, picture, level, largest, told)

    if shape.channels == channels:
        out = run(picture, level)
    elif shape.channels == 1 and alike:
        out = np.repeat(run(picture[:1], level.mean(0, keepdims=True)), 3, 0)
    elif shape.channels == 1:
        out = np.concatenate([run(picture[c : c + 1], level[c : c + 1]) for c in range(channels)])
    elif channels == 1:
        out = run(np.repeat(picture, shape.channels, 0), np.repeat(level, shape.channels, 0)).mean(0, keepdims=True)
    else:
        raise ValueError(f"{path.name} is for {shape.channels} channels, and the picture has {channels}.")
    result = np.empty_like(values)
    np.multiply(np.moveaxis(out, 0, 2), np.asarray(unit, image.dtype), out=result)
    return result.reshape(image.shape)


def checked(image: Array) -> tuple[Array, float]:
    """The picture as (height, width, channels), and its largest magnitude."""
    if image.ndim not in (2, 3) or image.dtype not in (np.float32, np.float64) or not image.size:
        raise ValueError(f"A picture is (height, width) or (height, width, channels) of floats, not {image.shape} of {image.dtype}.")
    peak = max(abs(float(image.max())), abs(float(image.min())))
    if not math.isfinite(peak):
        raise ValueError("The picture has values that are not finite; fill unknown pixels first.")
    return image.reshape(*image.shape[:2], -1), peak


def level_map(levels: Levels, shape: tuple[int, ...]) -> Array:
    """The levels as (height or 1, width or 1, channels or 1), which is broadcast to `shape`, (height, width, channels)."""
    given = np.asarray(0.0 if levels is None else levels)
    if given.ndim < 2:
        given = given.astype(float)
    # A map (height, width) is the same for all channels, and a list of numbers is one for each channel.
    if given.shape == shape[:2] and given.ndim == 2:
        given = given[..., None]
    fits = given.ndim == 0 or given.shape == (shape[2],) or given.shape in (shape, (*shape[:2], 1))
    if not fits:
        raise ValueError(f"Levels of shape {given.shape} do not fit a picture of shape {shape}: one number, one a channel, or a map.")
    if not (np.isfinite(given).all() and (given >= 0).all()):
        raise ValueError("Levels are standard deviations: finite, and not negative.")
    return given.reshape(1, 1, -1) if given.ndim < 3 else given


@lru_cache(maxsize=4)
def loaded(path: Path, changed: int, device: str, workers: int | None) -> tuple[Callable[[Array, Array], Array], Geometry]:  # noqa: ARG001
    """The network in `path`, ready to run; kept for the next picture, unless the file has `changed`."""
    described = read_model(path)
    shape = geometry(described)
    if path in (GREY, COLOUR) and shape.reach is not None:
        shape = replace(shape, reach=min(shape.reach, FELT))
    if installed():
        return RuntimeEngine(path, device, workers), shape
    if device != "cpu":
        raise ValueError(f"The device {device} needs ONNX Runtime (pip install onnxruntime); NumPy computes on the CPU.")
    return NumpyEngine(described, workers), shape


def reach_of(model: Path | None, channels: int) -> int | None:
    """How far a network looks, the lattice of its tiles included; None where it looks at the whole picture."""
    path = model or (COLOUR if channels == 3 else GREY)
    shape = geometry(read_model(path))
    if shape.reach is None or 16 % shape.multiple:
        return None
    return min(shape.reach, FELT) if path in (GREY, COLOUR) else shape.reach


def padded_run(
    network: Callable[[Array, Array], Array],
    shape: Geometry,
    picture: Array,
    level: Array,
    largest: int,
    told: Callable[[int, int], None] | None,
) -> Array:
    """The picture (channels, height, width) continued by its mirror image to sides that fit the network, run, and cut back."""
    height, width = picture.shape[1:]
    more = ((0, 0), (0, -height % shape.multiple), (0, -width % shape.multiple))
    if any(max(after) for after in more):
        picture, level = (np.pad(part, more, "symmetric") for part in (picture, level))
    out: Array = in_tiles(network, picture, level, shape, largest=largest, told=told)[:, :height, :width]
    return out
