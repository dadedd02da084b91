"""What is kept of a path along λ: its table, its sheet, and the whole pictures as files, if they were asked for."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from denoise_cli.draw.sheet import Tile, contact_sheet
from denoise_cli.formats.files import encode_picture, format_of, write_picture, written_format
from denoise_cli.formats.known import suffix_for
from denoise_cli.formats.picture import Page, Picture

if TYPE_CHECKING:
    from denoise_cli.choice.path import PathStep
    from denoise_cli.draw.views import Box
    from denoise_cli.pipeline.shown_page import ShownPage

__all__ = ["Album"]

#: Pixels along a side of the crop that the sheet shows, unless one was typed.
CROP_SIZE = 64


class Album:
    """What is kept of each step: its row, its crop, and the whole picture as a file, if that was asked for."""

    def __init__(
        self, picture: Picture, pixels: Any, shown: ShownPage, source: Path, box: Box | None, results: Path | None, *, overwrite: bool
    ) -> None:
        """pixels : the page in floats.  box : what the sheet shows, where that was typed.  results : where whole pictures go."""
        self.picture, self.pixels, self.shown, self.source, self.box = picture, pixels, shown, source, box
        self.results, self.overwrite = results, overwrite
        self.rows: list[tuple[Any, ...]] = []
        self.tiles: list[Tile] = []

    def look(self, smoothed: Any) -> None:
        """Choose the crop, if none was typed: where smoothing changes most."""
        if self.box is None:
            self.box = self.shown.box([self.pixels, smoothed], CROP_SIZE)

    def place(self, weight: float) -> Path:
        """Where a whole result goes."""
        return (self.results or Path()) / f"{self.source.stem}_{weight:g}{suffix_for(self.source.suffix)}"

    def add(self, step: PathStep, *, automatic: bool, picked: bool) -> None:
        """Keep one λ: of the automatic mode, or the one that was picked, or neither."""
        solution = step.solution
        self.rows.append(
            (step.weight, step.sigma_removed, step.whiteness, step.psnr_db, step.ssim, solution.cost, solution.gap, solution.iterations,
             step.seconds, int(automatic)),
        )  # fmt: skip
        caption = [
            f"λ {step.weight:g}" + (", automatic" if automatic else ", picked" if picked else ""),
            f"removed σ {step.sigma_removed:.3g}",
        ]
        caption += [] if step.psnr_db is None else [f"{step.psnr_db:.2f} dB" + ("" if step.ssim is None else f"  SSIM {step.ssim:.3f}")]
        self.tiles.append(Tile(self._crop(solution.image), tuple(caption), marked=automatic))
        if self.results is not None:
            page = replace(self.picture, pages=self.picture.pages[:1])
            write_picture(
                self.place(step.weight),
                page.successor([solution.image]),
                overwrite=self.overwrite,
                kind=written_format(page),
                option="--results",
            )

    def _crop(self, image: Any) -> Any:
        assert self.box is not None
        return self.shown.crop(image, self.box) / 255

    def table(self) -> str:
        """For people."""
        clean = any(row[3] is not None for row in self.rows)
        lines = [f"{'λ':>10}  {'removed σ':>9}  whiteness" + ("  PSNR dB    SSIM" if clean else "") + "  iterations"]
        for weight, removed, white, psnr, similar, _, _, iterations, _, automatic in self.rows:
            numbers = f"  {psnr:7.2f}  {'–' if similar is None else f'{similar:.4f}':>6}" if clean else ""
            lines.append(f"{weight:10.4g}  {removed:9.4g}  {white:9.2f}{numbers}  {iterations:10d}{'  ← automatic' if automatic else ''}")
        return "\n".join(lines)

    def sheet(self, title: str, name: Path) -> bytes:
        """The input and every λ, small to large, as the bytes of a picture."""
        tiles = [Tile(self._crop(self.pixels), ("input",)), *self.tiles]
        kind = format_of(name) or "png"
        return encode_picture(Picture(kind, (Page(contact_sheet(tiles, title=title)),)), kind, name)[0]
