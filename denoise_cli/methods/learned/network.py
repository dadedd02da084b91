"""Restore a picture by a network: any size, any number of channels, any unit. The one door to the learned method."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
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

__all__ = ["COLOUR", "GREY", "restore"]

Array = NDArray[Any]
Levels = float | Sequence[float] | Array | None

HERE = Path(__file__).parent
GREY, COLOUR = HERE / "grey.onnx", HERE / "colour.onnx"


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

    `image` is (height, width) or (height, width, channels), every value finite; unknown pixels are filled before. `levels` is the standard
    deviation of the noise in the unit of the picture: a number, one number a channel, or a map (height, width) or of the shape of `image`;
    0 or None means that it is not known. A larger level removes more. Brightness matters only through black = 0: for any k > 0 the result
    of k·image with k·levels is k times the result, but adding a constant to the picture is not undone, because the network was trained on
    photographs with black at 0. So the caller subtracts black first.

    Three channels are taken as a colour and go through the colour network, unless they are equal: then the grey network runs once, and
    the result stays grey. Every other number of channels goes through the grey network, channel by channel.

    `model` is another network of the same signature (docs/learned.md); `device` and `workers` are those of ONNX Runtime, without which
    NumPy computes the same, on the CPU. Pieces have at most `largest` pixels; `told(done, all)` is called after each of one pass.
    ValueError in one sentence: a picture or level that does not fit, a file that is no such network, a device that is not there.
    """
    values = checked(image)
    told_levels = level_map(levels, values.shape)
    # A power of two is exact in floating point, so that the unit of the picture does not matter, not even at the ends of float32.
    peak = float(np.abs(values).max(initial=0.0))
    if peak == 0.0:
        return image.copy()
    unit = 2.0 ** math.floor(math.log2(peak))
    planes = [np.ascontiguousarray(np.moveaxis(part, 2, 0) / unit, np.float32) for part in (values, told_levels)]

    channels = planes[0].shape[0]
    alike = channels == 3 and bool((planes[0] == planes[0][:1]).all())
    path = model or (COLOUR if channels == 3 and not alike else GREY)
    network, shape = loaded(path, path.stat().st_mtime_ns, device, workers)

    def run(picture: Array, level: Array) -> Array:
        return padded_run(network, shape, picture, level, largest, told)

    picture, level = planes
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
    result: Array = (np.moveaxis(out, 0, 2).astype(image.dtype) * np.asarray(unit, image.dtype)).reshape(image.shape)
    return result


def checked(image: Array) -> Array:
    """The picture as (height, width, channels)."""
    if image.ndim not in (2, 3) or image.dtype not in (np.float32, np.float64) or not image.size:
        raise ValueError(f"A picture is (height, width) or (height, width, channels) of floats, not {image.shape} of {image.dtype}.")
    if not np.isfinite(image).all():
        raise ValueError("The picture has values that are not finite; fill unknown pixels first.")
    return image.reshape(*image.shape[:2], -1)


def level_map(levels: Levels, shape: tuple[int, ...]) -> Array:
    """The levels as a map of `shape`, (height, width, channels)."""
    given = np.asarray(0.0 if levels is None else levels)
    # A map (height, width) is the same for all channels, and a list of numbers is one for each channel.
    if given.shape == shape[:2] and given.ndim == 2:
        given = given[..., None]
    fits = given.ndim == 0 or given.shape == (shape[2],) or given.shape in (shape, (*shape[:2], 1))
    if not fits:
        raise ValueError(f"Levels of shape {given.shape} do not fit a picture of shape {shape}: one number, one a channel, or a map.")
    if not (np.isfinite(given).all() and (given >= 0).all()):
        raise ValueError("Levels are standard deviations: finite, and not negative.")
    return np.broadcast_to(given, shape)


@lru_cache(maxsize=4)
def loaded(path: Path, changed: int, device: str, workers: int | None) -> tuple[Callable[[Array, Array], Array], Geometry]:  # noqa: ARG001
    """The network in `path`, ready to run; kept for the next picture, unless the file has `changed`."""
    described = read_model(path)
    shape = geometry(described)
    if installed():
        return RuntimeEngine(path, device, workers), shape
    if device != "cpu":
        raise ValueError(f"The device {device} needs ONNX Runtime (pip install onnxruntime); NumPy computes on the CPU.")
    return NumpyEngine(described), shape


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
    picture, level = (np.pad(part, more, "symmetric") for part in (picture, level))
    out: Array = in_tiles(network, picture, level, shape, largest=largest, told=told)[:, :height, :width]
    return out
