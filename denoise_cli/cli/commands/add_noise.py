"""`denoise add-noise`: noisy test pictures from clean ones."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from denoise_cli.cli.noise_options import Gaussian, Poisson, RandomImpulse, SaltPepper, Seed, Speckle, WholePixels, noise_of
from denoise_cli.cli.shared_options import MaxPixels, Overwrite, PictureFormat, Quiet, Recursive, declared
from denoise_cli.errors import FAILED, OK, DenoiseError, UsageError
from denoise_cli.settings import MAX_PIXELS, Settings
from denoise_cli.storage.pipes import PIPE

app = typer.Typer(rich_markup_mode=None, add_completion=False, pretty_exceptions_enable=False)


PICTURES = typer.Argument(metavar="CLEAN...", help="Pictures; a folder; a pattern in quotes; - for stdin.", show_default=False)
OUTPUT = declared("Result; a folder for several; - for stdout. [default: NAME_noisy beside the input]", "-o", "--output", metavar="PATH")
NO_CLIP = declared("Keep what is below 0 and above 1: float32 TIFF or .npy. [default: clip, round to the depth]", "--no-clip")
FORMAT = declared(
    "Of the results, such as tiff; TAB lists them. [default: what the output's name says, or that of the input]", "--format", metavar="KIND"
)
SKIP_EXISTING = declared("Keep results that exist. [default: refuse]", "--skip-existing")


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
    output: Annotated[str | None, OUTPUT] = None,
    no_clip: Annotated[bool, NO_CLIP] = False,
    kind: Annotated[PictureFormat | None, FORMAT] = None,
    recursive: Recursive = False,
    overwrite: Overwrite = False,
    skip_existing: Annotated[bool, SKIP_EXISTING] = False,
    quiet: Quiet = False,
    max_pixels: MaxPixels = MAX_PIXELS,
) -> None:
    """Add noise to clean pictures: reproducible test data.

    Kinds combine, in the order of a camera: Poisson, speckle, Gaussian, impulses. Depth and metadata stay; values are clipped to
    [0, 1] and rounded to the depth (how many were clipped is said), floats are not. Each picture gets noise of its own, from --seed
    and its pixels.

    \b
    denoise add-noise clean.png -o noisy.png --gaussian 25/255
    denoise add-noise scans/ -o noisy/ --salt-pepper 0.1 --seed 7
    """
    from denoise_cli.batch.inputs import PassedOver, summary
    from denoise_cli.cli.options import Request
    from denoise_cli.cli.planning import Run, make_folders, planned
    from denoise_cli.cli.progress import pictures_bar, say
    from denoise_cli.pipeline.noisy import make_noisy
    from denoise_cli.pipeline.places import check_output
    from denoise_cli.storage.writing import remove_stray_temporaries

    noise = noise_of(
        gaussian=gaussian, salt_pepper=salt_pepper, random_impulse=random_impulse, poisson=poisson, speckle=speckle,
        whole_pixels=whole_pixels,
    )  # fmt: skip
    settings = Settings(weight=None, overwrite=overwrite, max_pixels=max_pixels)
    run = Run(tuple(pictures), settings, Request(output=output, recursive=recursive, kind=kind), mark="_noisy", recorded=False)
    passed_over: list[PassedOver] = []
    jobs = planned(run, passed_over)
    if any(job.output == PIPE for job in jobs) and (len(jobs) > 1 or sys.stdout.isatty()):
        raise UsageError("stdout carries one picture, to a file or a pipe: name an output with -o")
    make_folders(run, jobs)
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
                    said = make_noisy(job, noise, seed, no_clip=no_clip)
            except DenoiseError as error:
                failed += 1
                say(str(error))
            else:
                if not quiet:
                    say(f"{job.input} → {job.output}: {'; '.join(said)}")
            if shown is not None:
                shown.update()
    if passed_over and not quiet:
        say(summary(passed_over, may_include=False))
    if failed and len(jobs) > 1:
        say(f"{failed:,} of {len(jobs):,} failed")
    raise typer.Exit(FAILED if failed else OK)
