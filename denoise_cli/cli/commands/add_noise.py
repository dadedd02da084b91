"""`denoise add-noise`: noisy test pictures from clean ones."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from denoise_cli.errors import FAILED, OK, DenoiseError, UsageError
from denoise_cli.formats.files import FORMATS

if TYPE_CHECKING:
    from denoise_cli.formats.files import Picture
    from denoise_cli.formats.picture import Page
    from denoise_cli.noise.synthetic import Noise
    from denoise_cli.pipeline.job import Job

app = typer.Typer(rich_markup_mode=None, add_completion=False, pretty_exceptions_enable=False)


def number(text: str) -> float:
    """A number, or a fraction as it is typed: 0.1, 25/255."""
    try:
        above, slash, below = text.partition("/")
        return float(above) / (float(below) if slash else 1)
    except (ValueError, ZeroDivisionError):
        raise typer.BadParameter(f"{text!r} is no number; write 0.1 or 25/255") from None


def _kind(text: str) -> str:
    if text not in FORMATS.values():
        raise typer.BadParameter(f"{text!r} is none of {KINDS}")
    return text


KINDS = ", ".join(dict.fromkeys(FORMATS.values()))


def _option(help: str, *names: str, **details: Any) -> Any:
    return typer.Option(*names, help=help, **details)


def _amount(help: str, *names: str, metavar: str) -> Any:
    return typer.Option(*names, help=f"{help} [default: none]", metavar=metavar, parser=number)


# Shared with `benchmark`.
Gaussian = Annotated[float | None, _amount("f + σ·n; pixels count from 0 to 1.", metavar="SIGMA")]
SaltPepper = Annotated[float | None, _amount("Fraction of samples that turn white or black.", metavar="P")]
RandomImpulse = Annotated[float | None, _amount("Fraction of samples that turn anything in between.", metavar="P")]
Poisson = Annotated[float | None, _amount("Photon noise: Poisson(f·PEAK)/PEAK.", metavar="PEAK")]
Speckle = Annotated[float | None, _amount("f·(1 + S·n).", metavar="S")]
WholePixels = Annotated[bool, _option("Impulses hit all channels at once. [default: each by itself]", "--whole-pixels")]
Seed = Annotated[int, _option("Another seed is other noise; the same one is the same noise.", metavar="N", min=0)]

PICTURES = typer.Argument(metavar="CLEAN...", help="Pictures; a folder; a pattern in quotes; - for stdin.", show_default=False)
OUTPUT = _option("Result; a folder for several; - for stdout. [default: NAME_noisy beside the input]", "-o", "--output", metavar="PATH")
NO_CLIP = _option("Keep what is below 0 and above 1: float32 TIFF or .npy. [default: clip, round to the depth]", "--no-clip")
FORMAT = _option(
    f"Of the results: {KINDS}. [default: what the output's name says, or that of the input]", "--format", metavar="KIND", parser=_kind
)
RECURSIVE = _option("Folders within folders too. [default: no]", "--recursive", "-r")
OVERWRITE = _option("Replace results that exist. [default: refuse]", "--overwrite")
SKIP_EXISTING = _option("Keep results that exist. [default: refuse]", "--skip-existing")
QUIET = _option("Say nothing but errors. [default: one line a picture]", "-q", "--quiet")
MAX_PIXELS = _option("Refuse larger pictures. [default: 268435456, 16384²]", metavar="N", min=1)


@app.command("add-noise", context_settings={"help_option_names": ["-h", "--help"]})
def add_noise(
    pictures: Annotated[list[Path], PICTURES],
    gaussian: Gaussian = None,
    salt_pepper: SaltPepper = None,
    random_impulse: RandomImpulse = None,
    poisson: Poisson = None,
    speckle: Speckle = None,
    whole_pixels: WholePixels = False,
    seed: Seed = 0,
    output: Annotated[Path | None, OUTPUT] = None,
    no_clip: Annotated[bool, NO_CLIP] = False,
    kind: Annotated[str | None, FORMAT] = None,
    recursive: Annotated[bool, RECURSIVE] = False,
    overwrite: Annotated[bool, OVERWRITE] = False,
    skip_existing: Annotated[bool, SKIP_EXISTING] = False,
    quiet: Annotated[bool, QUIET] = False,
    max_pixels: Annotated[int | None, MAX_PIXELS] = None,
) -> None:
    """Add noise to clean pictures: reproducible test data.

    Kinds combine, in the order of a camera: Poisson, speckle, Gaussian, impulses. Depth and metadata stay; values are clipped to
    [0, 1] and rounded to the depth (how many were clipped is said), floats are not. Each picture gets noise of its own, from --seed
    and its pixels.

    \b
    denoise add-noise clean.png -o noisy.png --gaussian 25/255
    denoise add-noise scans/ -o noisy/ --salt-pepper 0.1 --seed 7
    """
    from denoise_cli.batch.inputs import Selection
    from denoise_cli.cli.progress import pictures_bar, say
    from denoise_cli.cli.session import Run, make_folders, planned
    from denoise_cli.formats import files
    from denoise_cli.pipeline.job import Settings, check_output
    from denoise_cli.storage.writing import remove_stray_temporaries

    noise = noise_of(
        gaussian=gaussian, salt_pepper=salt_pepper, random_impulse=random_impulse, poisson=poisson, speckle=speckle,
        whole_pixels=whole_pixels,
    )  # fmt: skip
    settings = Settings(weight=None, overwrite=overwrite, max_pixels=max_pixels or files.MAX_PIXELS)
    jobs = planned(Run(tuple(pictures), settings, output, kind=kind, mark="_noisy", selection=Selection(recursive)))
    if any(str(job.output) == "-" for job in jobs) and (len(jobs) > 1 or sys.stdout.isatty()):
        raise UsageError("stdout carries one picture, to a file or a pipe: name an output with -o")
    if len(jobs) > 1 and output is not None:
        make_folders(jobs)
    for folder in dict.fromkeys(job.output.parent for job in jobs):
        remove_stray_temporaries(folder)
    failed = 0
    with pictures_bar(len(jobs), quiet=quiet) as shown:
        for job in jobs:
            try:
                if job.error is not None:
                    raise DenoiseError(job.error)
                if skip_existing and job.output.is_file():
                    said = ["skipped, exists already"]
                else:
                    check_output(job)
                    said = _make_noisy(job, noise, seed, no_clip=no_clip)
            except DenoiseError as error:
                failed += 1
                say(str(error))
            else:
                if not quiet:
                    say(f"{job.input} → {job.output}: {'; '.join(said)}")
            if shown is not None:
                shown.update()
    if failed and len(jobs) > 1:
        say(f"{failed} of {len(jobs)} failed")
    raise typer.Exit(FAILED if failed else OK)


def noise_of(**amounts: Any) -> Noise:
    """The Noise that was asked for. Raises UsageError for none, and for amounts out of range."""
    from denoise_cli.noise.synthetic import Noise

    try:
        noise = Noise(**amounts)
    except ValueError as error:
        raise UsageError(f"--{error}") from error
    if not noise.given:
        raise UsageError("no noise given: say --gaussian 25/255, --salt-pepper 0.1, --random-impulse 0.1, --poisson 100 or --speckle 0.2")
    if noise.whole_pixels and not noise.impulses:
        raise UsageError("--whole-pixels says how impulses fall: give --salt-pepper or --random-impulse with it")
    return noise


def _make_noisy(job: Job, noise: Noise, seed: int, *, no_clip: bool) -> list[str]:
    """Read, add, write; what there is to say."""
    from denoise_cli.formats.files import encode_picture, read_picture, write_picture
    from denoise_cli.pipeline.job import wrong_name
    from denoise_cli.storage.pipes import read_stdin, write_stdout

    standard = str(job.input) == "-"
    name = Path("stdin") if standard else job.input
    picture = read_picture(name, read_stdin() if standard else None, max_pixels=job.settings.max_pixels)
    kind = job.format_for(job.output, picture)
    if no_clip:
        if kind not in ("tiff", "npy"):
            raise DenoiseError(
                f"{job.output}: {kind.upper()} holds nothing beyond [0, 1]; with --no-clip name it .tif or .npy, or say --format tiff"
            )
        picture = _in_floats(picture, kind, job.output)
    noisy, clipped = noisy_pages(picture, noise, seed, name, clip="depth" if kind in ("tiff", "npy") else "always")
    result = replace(picture, pages=tuple(page.successor(pixels) for page, pixels in zip(picture.pages, noisy, strict=True)))
    if str(job.output) == "-":
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
    return [*said, *wrong_name(job, picture), *picture.notes, *losses]


def noisy_pages(picture: Picture, noise: Noise, seed: int, name: Path, *, clip: str) -> tuple[list[Any], float]:
    """The frames of `picture` with noise, in floats, and the fraction of samples that lie beyond what its depth holds.

    clip: "depth" clips what is stored in integers, "always" floats within [0, 1] as well (for a format without them), "never" nothing.
    Raises DenoiseError.
    """
    import numpy as np

    from denoise_cli.noise.synthetic import generator
    from denoise_cli.variational import as_float

    rng = generator(picture.pages[0].colour, seed)
    frames = [as_float(page.frame) for page in picture.pages]
    if not all(np.isfinite(frame).all() for frame in frames):
        raise DenoiseError(f"{name}: holds NaN or infinite pixels; replace them first")
    black, white = min(float(frame.min()) for frame in frames), max(float(frame.max()) for frame in frames)
    if black >= 0 and white <= 1:
        black, white = 0.0, 1.0
    noisy, beyond = [], 0
    for page, frame in zip(picture.pages, frames, strict=True):
        inverted = page.model == "white is zero"
        try:
            pixels = noise.add(1 - frame if inverted else frame, rng, black, white)
        except ValueError as error:
            raise DenoiseError(f"{name}: {error}") from error
        if clip != "never" and (page.colour.dtype.kind != "f" or (clip == "always" and (black, white) == (0, 1))):
            beyond += int(((pixels < 0) | (pixels > 1)).sum())
            np.clip(pixels, 0, 1, out=pixels)
        noisy.append(1 - pixels if inverted else pixels)
    return noisy, beyond / sum(frame.size for frame in frames)


def _in_floats(picture: Picture, kind: str, path: Path) -> Picture:
    """`picture` as `kind`, in float32, white at 1."""
    import numpy as np

    from denoise_cli.formats.conversion import convert
    from denoise_cli.formats.picture import Refused

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
        return replace(page, colour=floats(page.colour), beside=beside, bits=8, extras=extras)

    pages: Sequence[Page] = [in_floats(page) for page in picture.pages]
    return replace(picture, pages=tuple(pages))
