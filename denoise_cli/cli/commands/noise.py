"""`denoise noise`: how much noise pictures hold and of what kind, and what the automatic mode would do about it."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from denoise_cli.cli.csv_tables import plain
from denoise_cli.cli.progress import say
from denoise_cli.cli.shared_options import AXES, VOLUME, MaxPixels, Workers, declared
from denoise_cli.cli.streams import print_json, visible
from denoise_cli.cli.typed import pictures_of
from denoise_cli.errors import FAILED, OK, DenoiseError
from denoise_cli.settings import MAX_PIXELS, Settings
from denoise_cli.typed_words import axes_of

if TYPE_CHECKING:
    from denoise_cli.pipeline.findings import Finding

app = typer.Typer(rich_markup_mode=None, add_completion=False, pretty_exceptions_enable=False)

VERDICTS = {
    "none": "hardly any noise",
    "gaussian": "Gaussian noise, alike everywhere",
    "poisson": "noise that grows with brightness",
    "coloured": "noise as cameras and JPEG leave it, mostly in clumps of several pixels",
    "impulses": "impulse noise",
}


PICTURES = typer.Argument(metavar="PICTURE...", help="Pictures, folders or patterns; - for stdin.", show_default=False)
RECURSIVE = declared("Folders with all that is in them. [default: no]", "-r", "--recursive")
JSON = declared("JSON on stdout, one object a picture and line. [default: no]", "--json")


@app.command("noise", context_settings={"help_option_names": ["-h", "--help"]})
def noise(
    pictures: Annotated[list[Path], PICTURES],
    recursive: Annotated[bool, RECURSIVE] = False,
    as_json: Annotated[bool, JSON] = False,
    volume: Annotated[bool, VOLUME] = False,
    axes: Annotated[str | None, AXES] = None,
    workers: Workers = None,
    max_pixels: MaxPixels = MAX_PIXELS,
) -> None:
    """What noise a picture holds: its level, its impulses, the verdict and why, and what `denoise PICTURE` would do.

    σ is the standard deviation, from 0 to 1 (float pictures: in their own units); n/255 is the same in 8-bit levels. Where a camera or JPEG
    has smeared noise, or it differs from place to place, the verdict says so. Transparent pixels do not count.

    \b
    denoise noise scan.png
    denoise noise scans/ --json
    """
    from denoise_cli.batch.inputs import Selection
    from denoise_cli.large.excerpts import findings_of_large, large_source
    from denoise_cli.pipeline.findings import findings

    settings = Settings(workers=workers, max_pixels=max_pixels, volume=volume, axes=None if axes is None else axes_of(axes, "axes"))
    failed = False
    for each in pictures_of(pictures, Selection(recursive, own_suffix="", series=volume)):
        try:
            if each.error is not None:
                raise DenoiseError(each.error)
            large = large_source(each.path, settings)
            for page in findings(each.path, settings) if large is None else findings_of_large(large, settings):
                if as_json:
                    print_json(_record(page))
                else:
                    print(visible(_text(page), lines=True), flush=True)
        except DenoiseError as error:
            say(str(error))
            if as_json:
                print_json({"input": str(each.path), "error": str(error)})
            failed = True
    raise typer.Exit(FAILED if failed else OK)


def _text(page: Finding) -> str:
    """For people."""
    found = page.noise
    title = page.name + (f", {page.kind} {page.page} of {page.pages}" if page.pages > 1 else "")
    level = page.scale.amount(found.sigma)
    if len(set(found.sigmas)) > 1:
        level += f"; by channel {', '.join(f'{sigma:.3g}' for sigma in found.sigmas)}"
    impulses = f"{100 * found.impulses:.3g} %"
    if found.impulses:
        impulses += f" ({100 * found.salt_pepper:.3g} % black or white, {100 * found.random_valued:.3g} % of any value)"
    lines = [
        ("noise level", f"σ {level}"),
        ("impulses", impulses),
        ("verdict", found.called or VERDICTS[found.model]),
        ("why", found.evidence),
    ]
    if found.gain:
        lines.insert(1, ("growth", f"variance = {found.growth}"))
    lines += [("beside it", note) for note in page.notes]
    lines.append(("automatic", page.trouble or (page.plan and page.plan.sentence) or "nothing to be done"))
    return "\n".join([title, *(f"  {word:12s} {value}" for word, value in lines)])


def _record(page: Finding) -> dict[str, Any]:
    """For machines."""
    automatic = None
    if (plan := page.plan) is not None:
        automatic = {
            "method": plan.method.name, "fidelity": plan.fidelity, "lambda": plan.weight, "sigma": plan.sigma,
            "sentence": plan.sentence,
        }  # fmt: skip
    return (
        {"input": page.name, "page": page.page, "pages": page.pages} | plain(asdict(page.noise)) | {"automatic": automatic, "error": None}
    )
