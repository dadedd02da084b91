"""Noisy test pictures from clean ones: read, add, write."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from denoise_cli.errors import DenoiseError
from denoise_cli.formats.conversion import convert
from denoise_cli.formats.files import encode_picture, read_picture, write_picture
from denoise_cli.formats.picture import Page, Picture, Refused
from denoise_cli.noise.synthetic import AddedNoise, generator
from denoise_cli.pipeline.job import Job, wrong_name
from denoise_cli.storage.pipes import PIPE, STDIN, write_stdout
from denoise_cli.variational import as_float

__all__ = ["make_noisy", "noisy_pages"]


def make_noisy(job: Job, noise: AddedNoise, seed: int, *, no_clip: bool) -> list[str]:
    """Read, add, write; returns what there is to say. Raises DenoiseError."""
    name = STDIN if job.input == PIPE else job.input
    read = picture = read_picture(job.input, max_pixels=job.settings.max_pixels)
    kind = job.format_for(job.output, picture)
    if no_clip:
        if kind not in ("tiff", "npy"):
            raise DenoiseError(
                f"{job.output}: {kind.upper()} holds nothing beyond [0, 1]; with --no-clip name it .tif or .npy, or say --format tiff"
            )
        picture = _in_floats(picture, kind, job.output)
    noisy, clipped = noisy_pages(picture, noise, seed, name, clip="depth" if kind in ("tiff", "npy") else "always")
    result = replace(picture, pages=tuple(page.successor(pixels) for page, pixels in zip(picture.pages, noisy, strict=True)))
    if job.output == PIPE:
        data, losses = encode_picture(result, kind, Path("stdout"))
        write_stdout(data)
    else:
        losses = write_picture(job.output, result, overwrite=job.settings.overwrite, kind=kind)
    said = [f"{noise}, seed {seed}", *([f"{clipped:.1%} of the samples clipped"] if clipped else [])]
    if picture.depth == "bool":
        said.append("black and white: only what crosses one half is seen")
    if kind == "jpeg" or (kind == "webp" == result.format and not result.extras.get("lossless")):
        said.append(
            f"{kind.upper()} compresses noise and picture together, so the noise is no longer what was asked for; write .png or .tif"
        )
    return [*said, *wrong_name(job, read), *picture.notes, *losses]


def noisy_pages(picture: Picture, noise: AddedNoise, seed: int, name: Path, *, clip: str) -> tuple[list[Any], float]:
    """The frames of `picture` with noise, in floats, and the fraction of samples that lie beyond what its depth holds.

    clip: "depth" clips what is stored in integers, "always" floats within [0, 1] as well (for a format without them), "never" nothing.
    Raises DenoiseError.
    """
    rng = generator(picture.pages[0].colour, seed)
    frames = [as_float(page.frame) for page in picture.pages]
    if not all(np.isfinite(frame).all() for frame in frames):
        raise DenoiseError(f"{name}: holds NaN or infinite pixels; replace them first")
    black, white = min(float(frame.min()) for frame in frames), max(float(frame.max()) for frame in frames)
    if black >= 0 and white <= 1:
        black, white = 0.0, 1.0
    noisy, beyond = [], 0
    for page, frame in zip(picture.pages, frames, strict=True):
        has_white = page.colour.dtype == bool or page.units.white > 1
        if has_white and (noise.gaussian or 0) > 1:
            meant = f"did you mean --gaussian {noise.gaussian:g}/{max(page.units.white, 255):g}?"
            raise DenoiseError(f"{name}: --gaussian {noise.gaussian:g} is more than all levels, which count from 0 to 1; {meant}")
        inverted = page.model == "white is zero"
        try:
            pixels = noise.add(1 - frame if inverted else frame, rng, black, white)
        except ValueError as error:
            raise DenoiseError(f"{name}: {error}") from error
        if clip != "never" and (has_white or (clip == "always" and (black, white) == (0, 1))):
            beyond += int(((pixels < 0) | (pixels > 1)).sum())
            np.clip(pixels, 0, 1, out=pixels)
        noisy.append(1 - pixels if inverted else pixels)
    return noisy, beyond / sum(frame.size for frame in frames)


def _in_floats(picture: Picture, kind: str, path: Path) -> Picture:
    """`picture` as `kind`, in float32, white at 1."""
    try:
        picture, _ = convert(picture, kind)
    except Refused as refusal:
        raise DenoiseError(f"{path}: {refusal}") from refusal

    def floats(samples: Any) -> Any:
        top = {"f": 1.0, "b": 1.0}.get(samples.dtype.kind) or float(np.iinfo(samples.dtype).max)
        return samples if samples.dtype.kind == "f" else (samples / np.float64(top)).astype(np.float32)

    def in_floats(page: Page) -> Page:
        extras = {key: value for key, value in page.extras.items() if key != "predictor"}
        beside = None if page.beside is None else floats(page.beside)
        colour = page.colour if page.colour.dtype.kind == "f" else page.units.floats(page.colour).astype(np.float32)
        return replace(page, colour=colour, beside=beside, bits=8, extras=extras)

    pages: Sequence[Page] = [in_floats(page) for page in picture.pages]
    return replace(picture, pages=tuple(pages))
