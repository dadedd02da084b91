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
from denoise_cli.methods.learned.tiles import LARGEST_PIXELS, Engine, Tensor, in_tiles

__all__ = ["COLOUR", "GREY", "reach_of", "restore"]

Array = NDArray[Any]
#: The level of noise: one number, one a channel, a map, or a function that makes the map of a piece of the picture.
Levels = float | Sequence[float] | Array | Callable[[Array], Array] | None

HERE = Path(__file__).parent
GREY, COLOUR = HERE / "grey.onnx", HERE / "colour.onnx"
#: The shipped networks could look 218 pixels far, but feel nothing beyond: a cut 144 pixels away changes the result by less than 2e-6,
#: white being 1 (tests/learned/test_engines.py measures it).
FELT = 144


def restore(
    image: Array,
    levels: Levels = None,
    *,
    black: float = 0.0,
    model: Path | None = None,
    device: str = "cpu",
    workers: int | None = None,
    largest: int = LARGEST_PIXELS,
    copies: int = 1,
    told: Callable[[int, int], None] | None = None,
) -> Array:
    """The picture without its noise: an array of the shape and type (float32 or float64) of `image`, computed in float32.

    `image` is (height, width) or (height, width, channels), every value finite; unknown pixels are filled before.

    `levels` is the standard deviation of the noise in the unit of the picture: a number, one number a channel, or a map, (height, width) or
    of the shape of `image`; or a function that makes the map of a piece of the picture, (height, width, channels), so that no map of all
    of a large picture is needed. 0 or None means that it is not known. From half of the true level up, a larger level removes more; one
    that is far too small is taken for 0.

    For any k > 0, k·image with k·levels and k·black gives k times the result. Adding a constant to the picture is not undone, because the
    networks were trained on photographs with black at 0: `black` is what is black here.

    Three channels are taken as a colour and go through the colour network, unless they are equal: then the grey network runs once, and
    the result stays grey. Every other number of channels goes through the grey network, channel by channel.

    `model` is another network of the same signature (docs/learned.md); `device` and `workers` are those of ONNX Runtime, without which
    NumPy computes the same, on the CPU. `copies` is how many runs are averaged, 1, 2, 4 or 8: of the picture as it is, mirrored, and
    turned (the geometric self-ensemble of Timofte, Rothe & Van Gool 2016, CVPR).

    Pieces have at most `largest` pixels; beside them, the result is the only new array of the size of
    the picture. `told(done, all)` is called after each piece.
    ValueError in one sentence: a picture or level that does not fit, a file that is no such network, a device that is not there.
    """
    values, peak = checked(image, black)
    given = levels if callable(levels) else level_map(levels, values.shape)
    if peak == 0.0:
        return image.copy()
    height, width, channels = values.shape
    # A power of two is exact in floating point, so that the unit of the picture does not matter, not even at the ends of float32.
    unit = 2.0 ** math.floor(math.log2(peak))
    alike = channels == 3 and all(bool((values[:, :, c] == values[:, :, 0]).all()) for c in (1, 2))
    path = model or (COLOUR if channels == 3 and not alike else GREY)
    try:
        network, shape = loaded(path, path.stat().st_mtime_ns, device, workers)
    except OSError as error:
        raise ValueError(f"The network {path} cannot be read ({error.strerror}); name an .onnx file.") from error
    engine = ensemble(for_channels(network, shape.channels, channels, alike, path.name), copies)
    result = np.empty_like(values)

    def piece(rows: slice, columns: slice) -> tuple[Tensor, Tensor]:
        """Picture and level, (channels, height, width), continued by the mirror image where the piece ends beyond the picture."""
        inside = values[rows.start : min(rows.stop, height), columns.start : min(columns.stop, width)]
        if callable(given):
            level = level_map(given(inside), inside.shape)
        else:
            level = given[rows, columns] if given.shape[:2] == (height, width) else given
        picture = inside if black == 0 else inside - inside.dtype.type(black)
        more = ((0, 0), (0, rows.stop - rows.start - inside.shape[0]), (0, columns.stop - columns.start - inside.shape[1]))
        both = (np.moveaxis(part, 2, 0) for part in (picture / unit, np.broadcast_to(level / unit, inside.shape)))
        seen, known = (np.pad(part.astype(np.float32, order="C"), more, "symmetric") for part in both)
        return seen, known

    def keep(rows: slice, columns: slice, clean: Tensor) -> None:
        place = result[rows.start : min(rows.stop, height), columns.start : min(columns.stop, width)]
        np.multiply(np.moveaxis(clean, 0, 2)[: place.shape[0], : place.shape[1]], place.dtype.type(unit), out=place)
        if black != 0:
            place += place.dtype.type(black)

    size = tuple(side + -side % shape.multiple for side in (height, width))
    in_tiles(engine, (size[0], size[1]), shape, piece, keep, largest=largest, told=told)
    return result.reshape(image.shape)


def for_channels(network: Engine, wanted: int, channels: int, alike: bool, name: str) -> Engine:
    """A network for `wanted` channels as one for pictures of `channels`, which may all be `alike`."""

    def once(picture: Tensor, level: Tensor) -> Tensor:
        return np.repeat(network(picture[:1], level.mean(0, keepdims=True)), channels, 0)

    def each(picture: Tensor, level: Tensor) -> Tensor:
        return np.concatenate([network(picture[c : c + 1], level[c : c + 1]) for c in range(channels)])

    def mean(picture: Tensor, level: Tensor) -> Tensor:
        clean: Tensor = network(np.repeat(picture, wanted, 0), np.repeat(level, wanted, 0)).mean(0, keepdims=True)
        return clean

    if wanted == channels:
        return network
    if wanted == 1:
        return once if alike else each
    if channels == 1:
        return mean
    raise ValueError(f"{name} is for {wanted} channels, and the picture has {channels}.")


def ensemble(network: Engine, copies: int) -> Engine:
    """The mean of `copies` runs of a network, each on the picture turned or mirrored in another way, and its result turned back."""
    if copies not in (1, 2, 4, 8):
        raise ValueError(f"The runs that are averaged are 1, 2, 4 or 8, not {copies}.")
    if copies == 1:
        return network
    ways = [(turn, mirrored) for turn in (0, 2, 1, 3) for mirrored in (False, True)][:copies]

    def mean(picture: Tensor, level: Tensor) -> Tensor:
        total = np.zeros_like(picture)
        for turn, mirrored in ways:
            seen = [np.rot90(part[:, :, ::-1] if mirrored else part, turn, (1, 2)) for part in (picture, level)]
            clean = np.rot90(network(*map(np.ascontiguousarray, seen)), -turn, (1, 2))
            total += clean[:, :, ::-1] if mirrored else clean
        made: Tensor = total / np.float32(copies)
        return made

    return mean


def checked(image: Array, black: float) -> tuple[Array, float]:
    """The picture as (height, width, channels), and how far from black it goes."""
    if image.ndim not in (2, 3) or image.dtype not in (np.float32, np.float64) or not image.size:
        raise ValueError(f"A picture is (height, width) or (height, width, channels) of floats, not {image.shape} of {image.dtype}.")
    peak = max(abs(float(image.max()) - black), abs(float(image.min()) - black))
    if not math.isfinite(peak):
        raise ValueError("The picture has values that are not finite; fill unknown pixels first.")
    return image.reshape(*image.shape[:2], -1), peak


def level_map(levels: float | Sequence[float] | Array | None, shape: tuple[int, ...]) -> Array:
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
def loaded(path: Path, changed: int, device: str, workers: int | None) -> tuple[Engine, Geometry]:  # noqa: ARG001
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
