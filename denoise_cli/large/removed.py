"""--residual of a large picture: what was taken out, input − result, from the table in which the tiles left it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from denoise_cli.large.assemble import assemble, begun, kind_of
from denoise_cli.large.patch import stored_core
from denoise_cli.large.tallies import std_of_sums
from denoise_cli.large.windows import page_of
from denoise_cli.measure.whiteness import whiteness
from denoise_cli.pipeline.method_noise import line_on, magnification

if TYPE_CHECKING:
    from pathlib import Path

    from denoise_cli.large.planes import Work
    from denoise_cli.large.tallies import Sums
    from denoise_cli.large.tiled_table import Pixels

__all__ = ["written_residual"]

#: Values of a window in which input − result is turned into pixels.
TOGETHER = 2**18
#: Sides of the window in the middle of a plane by which its whiteness is told.
SIDE = 1024


def written_residual(work: Work, path: Path, kind: str | None, sums: Sequence[Sums]) -> tuple[dict[str, Any], tuple[str, ...]]:
    """Write it; standard deviation and whiteness for a Report, and a line on what was written. Raises DenoiseError, OSError.

    The whiteness is the least of windows in the middle of the planes.
    """
    source, removed, folder = work.source, work.removed, work.journal.folder
    assert removed is not None
    std = std_of_sums(sums)
    magnified, middle = magnification(source.dtype, std)
    dtype = np.dtype("u1") if source.dtype == bool else source.dtype
    chosen = kind_of(path, kind, source)
    table, _ = begun(folder / "residual", chosen, source, dtype)
    for plane, rows, columns in _windows(table):
        samples = source.read(plane, rows, columns)
        page = page_of(samples * np.uint8(255) if samples.dtype == bool else samples, source.kind)
        shown = magnified * removed.read(plane, rows, columns) + middle
        core = (slice(0, samples.shape[0]), slice(0, samples.shape[1]))
        table.write(plane, rows, columns, stored_core(page, core, shown))
    overwrite = work.job.settings.overwrite
    losses = assemble(path, chosen, table, source, folder, overwrite=overwrite, seal=None, option="--residual")
    middles = [slice(max(0, (side - SIDE) // 2), (side + SIDE) // 2) for side in source.size]
    white = min(whiteness(removed.read(plane, *(slice(m.start, min(m.stop, side)) for m, side in zip(middles, source.size, strict=True))))
                for plane in range(source.planes))  # fmt: skip
    return {"residual_std": std, "whiteness": white}, (line_on(path, magnified, middle), *losses)


def _windows(table: Pixels) -> Iterator[tuple[int, slice, slice]]:
    planes, height, width, samples = table.shape
    wide = max(1, min(width, TOGETHER // samples))
    tall = max(1, TOGETHER // (samples * wide))
    for plane in range(planes):
        for top in range(0, height, tall):
            for left in range(0, width, wide):
                yield plane, slice(top, min(top + tall, height)), slice(left, min(left + wide, width))
