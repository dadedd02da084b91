"""--html of `denoise path`: a page to choose λ by eye, with a dial, a split view, and the command for what was chosen."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from denoise_cli.cli.command_line import command_of
from denoise_cli.cli.planning import Run
from denoise_cli.digits import between
from denoise_cli.draw.embedded import embedded
from denoise_cli.errors import UsageError
from denoise_cli.page.path_page import write_path_page
from denoise_cli.storage.writing import appear

if TYPE_CHECKING:
    from denoise_cli.choice.path import PathStep
    from denoise_cli.draw.views import Box
    from denoise_cli.methods.method import Plan
    from denoise_cli.pipeline.shown_page import ShownPage
    from denoise_cli.settings import Settings

__all__ = ["PathFile", "check_page_name", "frozen"]

#: Pixels along a side of what the page shows, and bytes of all its pictures together, of which base64 takes a quarter.
SIDE, MOST_BYTES = 512, 16_000_000


def check_page_name(path: Path | None) -> None:
    """Refuse a name that no browser would take for a page."""
    if path is not None and path.suffix.lower() not in (".html", ".htm"):
        raise UsageError(f"{path}: --html writes a page for the browser; name it .html")


def frozen(settings: Settings, plan: Plan, weight: float) -> Settings:
    """The settings that make of other pictures what λ = `weight` made of this one. Where more than λ was found in the picture (noise to
    stabilise, impulses, a λ for each colour), which a λ that is typed would leave out, that is its ratio to the λ that was chosen."""
    if not plan.details:
        return replace(settings, weight=weight, fidelity=plan.fidelity or "l2", sigma=None)
    strength = weight / (plan.weight or 1.0)
    return replace(settings, strength=None if strength == 1 else float(f"{strength:.6g}"))


class PathFile:
    """Takes the steps of a path, and writes the page."""

    def __init__(self, name: Path, shown: ShownPage, plan: Plan, pixels: Any, smoothed: Any, box: Box | None) -> None:
        """pixels : the page in floats.  smoothed : the same at the largest λ.  box : what is shown, where that was typed."""
        self._name, self._plan, self._page = name, plan, shown
        self._box = box or shown.box([pixels, smoothed], SIDE)
        self._steps: list[dict[str, Any]] = []
        self._shown = [shown.crop(pixels, self._box)]

    def add(self, step: PathStep, *, automatic: bool, picked: bool) -> None:
        """Keep one λ."""
        strength = step.weight / (self._plan.weight or 1.0)
        self._steps.append({
            "weight": step.weight, "strength": strength, "sigma_removed": step.sigma_removed, "whiteness": step.whiteness,
            "psnr_db": step.psnr_db, "ssim": step.ssim, "gap": step.solution.gap, "automatic": automatic, "picked": picked,
            "commands": self._commands(step.weight, strength),
        })  # fmt: skip
        self._shown.append(self._page.crop(step.solution.image, self._box))

    def _commands(self, weight: float, strength: float) -> list[tuple[str, str]]:
        """By the strength every picture gets the λ that suits it; by λ all get the same."""
        settings = replace(self._plan.settings, overwrite=False, workers=None)
        by_strength = Run((self._name,), replace(settings, strength=None if strength == 1 else strength))
        found = [("As shown here; other pictures get the λ that suits their noise, times this strength", command_of(by_strength))]
        # What was found in the picture besides λ (noise to stabilise, impulses, a λ for the colours) is not in a λ that is typed.
        if not self._plan.details:
            fixed = replace(settings, weight=weight, sigma=None, fidelity=self._plan.fidelity)
            found.append(("The same λ for every picture", command_of(Run((self._name,), fixed))))
        return found

    def write(self, path: Path, *, clean: Any, overwrite: bool) -> None:
        """Write the page, with the clean picture to compare with, if there is one. Raises DenoiseError."""
        shown = self._shown if clean is None else [*self._shown, self._page.crop(clean, self._box)]
        urls, error = embedded(shown, MOST_BYTES)
        automatic = next(at for at, step in enumerate(self._steps) if step["automatic"])
        others: list[dict[str, Any]] = [{"name": "input", "picture": urls[0]}, {"name": "automatic λ", "step": automatic}]
        if clean is not None:
            others.append({"name": "clean", "picture": urls[-1]})
        x, y, width, height = self._box
        caption = f"{width} × {height} pixels at {x}, {y} of {self._page.size[0]} × {self._page.size[1]}"
        if error:
            caption += f"; stored as JPEG, within {error:.2g} of 255 levels"
        black, white = self._page.window
        if (black, white) not in ((0.0, 1.0), (1.0, 0.0)):
            caption += "; {} is shown black, {} white".format(*between(black, white, digits=3))
        told = {
            "name": self._name.name, "about": self._plan.sentence or "", "caption": caption, "width": shown[0].shape[1],
            "height": shown[0].shape[0], "others": others,
            "steps": [step | {"picture": url} for step, url in zip(self._steps, urls[1:], strict=False)],
        }  # fmt: skip
        with appear(path, overwrite=overwrite, option="--html") as stream:
            write_path_page(stream, f"denoise path {self._name.name}", told)
