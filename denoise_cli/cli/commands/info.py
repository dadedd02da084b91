"""`denoise info`: what a picture file holds, how noisy it is, and what `denoise` would do to it, in how long."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from denoise_cli.cli.progress import say
from denoise_cli.cli.shared_options import AXES, VOLUME, MaxPixels, Recursive, declared
from denoise_cli.cli.streams import print_json, visible
from denoise_cli.cli.typed import pictures_of
from denoise_cli.errors import FAILED, OK, DenoiseError
from denoise_cli.plural import counted
from denoise_cli.settings import MAX_PIXELS, Settings
from denoise_cli.typed_words import axes_of

if TYPE_CHECKING:
    from denoise_cli.pipeline.facts import Facts

__all__ = ["app"]

app = typer.Typer(rich_markup_mode=None, add_completion=False, pretty_exceptions_enable=False)


PICTURES = typer.Argument(metavar="FILE...", help="Pictures; a folder; a pattern in quotes; - for stdin.", show_default=False)
JSON = declared("One JSON object a picture, one a line. [default: text]", "--json")
WORKERS = declared("Threads that the prediction is for. [default: all cores]", metavar="N", min=1)


@app.command("info", context_settings={"help_option_names": ["-h", "--help"]})
def info(
    pictures: Annotated[list[Path], PICTURES],
    as_json: Annotated[bool, JSON] = False,
    recursive: Recursive = False,
    volume: Annotated[bool, VOLUME] = False,
    axes: Annotated[str | None, AXES] = None,
    workers: Annotated[int | None, WORKERS] = None,
    max_pixels: MaxPixels = MAX_PIXELS,
) -> None:
    """What a file holds, how noisy it is, what `denoise FILE` would do, and how long that would take.

    Seconds are those of the closing line of a run, reading and writing included; they are predicted from a solve of a part of the
    picture on this machine. Memory is the peak of the whole process. Of several pages, noise and λ are those of the first.

    \b
    denoise info scan.tif
    denoise info scans/ --recursive --json > scans.jsonl
    """
    from denoise_cli.batch.inputs import Selection
    from denoise_cli.large.excerpts import facts_of_large, large_source
    from denoise_cli.pipeline.facts import describe

    settings = Settings(workers=workers, max_pixels=max_pixels, volume=volume, axes=None if axes is None else axes_of(axes, "axes"))
    found = pictures_of(pictures, Selection(recursive, own_suffix="", series=volume))
    failed = printed = False
    for each in found:
        try:
            if each.error is not None:
                raise DenoiseError(each.error)
            large = large_source(each.path, settings)
            facts = describe(each.path, settings) if large is None else facts_of_large(large, settings)
        except DenoiseError as error:
            failed = True
            say(str(error))
            if as_json:
                print_json({"file": str(each.path), "error": str(error)})
            continue
        if as_json:
            print_json(asdict(facts) | {"error": None})
        else:
            print("\n" * printed + visible(_block(facts), lines=True), flush=True)
        printed = True
    raise typer.Exit(FAILED if failed else OK)


# ── in words ─────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────

TURNED = {
    2: "mirrored", 3: "upside down", 4: "upside down, mirrored", 5: "on its side, mirrored", 6: "on its left side",
    7: "on its side, mirrored", 8: "on its right side",
}  # fmt: skip


def _block(facts: Facts) -> str:
    """For people."""
    lines = [facts.file]

    def line(name: str, text: str) -> None:
        lines.append(f"  {name:<12}{text}")

    line("size", f"{facts.width} × {facts.height} pixels, {_bytes(facts.bytes)}")
    if facts.pages > 1:
        line("pages", f"{facts.pages}" + ("" if len(set(facts.sizes)) == 1 else ", of different sizes"))
    if facts.axes:
        line("axes", ", ".join(f"{letter} {length}" for letter, length in facts.axes.items()))
    if facts.spacing:
        line("voxels", " × ".join(f"{distance:g}" for distance in facts.spacing.values()) + f" ({', '.join(facts.spacing)})")
    line("format", f"{facts.format.upper()}, {_depth(facts)}, {facts.colour}{' + alpha' if facts.alpha else ''}")
    line("profile", facts.profile or "none")
    line("orientation", "upright" if facts.orientation == 1 else f"{TURNED[facts.orientation]} (EXIF {facts.orientation})")
    for note in facts.notes:
        line("note", note)
    if facts.noise is not None:
        line("noise", _noise(facts.noise, facts.level))
        line("impulses", _impulses(facts.noise))
    if facts.plan is None:
        line("denoise", f"would fail: {facts.trouble}")
        return "\n".join(lines)
    first = f" (page 1 of {facts.pages}; each has its own)" if facts.pages > 1 else ""
    line("denoise", facts.plan + (first if facts.volume is None else f"; {facts.volume}"))
    for method, told in facts.methods.items():
        about = "" if method == "matlab" else "about "
        line(
            f"  {method}",
            f"{_seconds(told.seconds)}, {_bytes(told.memory)} of memory"
            + (f", {about}{counted(told.iterations, 'iteration')}" if told.iterations else ""),
        )
    return "\n".join(lines)


def _depth(facts: Facts) -> str:
    return facts.depth if facts.depth.startswith("float") else f"{facts.bits} bit"


def _noise(noise: dict[str, Any], level: str | None) -> str:
    kinds = {"none": "hardly any", "gaussian": "Gaussian", "poisson": "grows with brightness", "impulses": "beside the impulses"}
    return f"{kinds[noise['model']]}, σ ≈ {level}"


def _impulses(noise: dict[str, Any]) -> str:
    if not noise["impulses"]:
        return "none"
    kinds = [(noise["salt_pepper"], "salt and pepper"), (noise["random_valued"], "random values")]
    return ", ".join(f"{100 * share:.3g} % {kind}" for share, kind in kinds if share)


def _seconds(seconds: float) -> str:
    if seconds < 100:
        return f"about {seconds:.2g} s" if seconds < 10 else f"about {seconds:.0f} s"
    return f"about {seconds / 60:.0f} minutes" if seconds < 6000 else f"about {seconds / 3600:.1f} hours"


def _bytes(count: int) -> str:
    for unit, size in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if count >= size:
            return f"{count / size:.3g} {unit}"
    return f"{count:,} bytes"
