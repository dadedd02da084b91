"""Which pictures are solved by tiles, and what tiles cannot do."""

from __future__ import annotations

from typing import TYPE_CHECKING

from denoise_cli.errors import DenoiseError
from denoise_cli.large.budget import budget_of, fits
from denoise_cli.large.windows import open_windows
from denoise_cli.methods import registry
from denoise_cli.pipeline.job import PIPE, Job
from denoise_cli.pipeline.places import check_not_an_input, check_residual
from denoise_cli.settings import MAX_PIXELS
from denoise_cli.storage.writing import check_writable, stands_in_the_way

if TYPE_CHECKING:
    from denoise_cli.large.windows import Source
    from denoise_cli.settings import Settings

__all__ = ["check_by_tiles", "is_for_tiles", "needs_whole_planes", "plane_fits"]

#: Options that have to do with the whole picture at once.
WHOLE = {"weights": "--weights", "mask": "--mask"}
#: Files of less than so many bytes are not looked at: what they hold is soon read.
SMALL_FILE = 2**20
#: Values that a byte of such a file may stand for, where the memory is told (or shared among --jobs): a scan of an almost empty page.
CRAMMED = 100
#: Float32 pictures that reading, choosing and writing hold at the same time as a method, where nobody says.
PICTURES = 11.0


def is_for_tiles(job: Job) -> bool:
    """Whether the picture is to be solved by tiles: a Zarr store, and what needs more memory than there is for it, or has more pixels than
    any whole picture may have. What cannot be read by windows is left to those who read it whole, and who say what is wrong with it."""
    path = job.input
    if path == PIPE or job.error is not None:
        return False
    if path.is_dir():
        return True
    try:
        size = path.stat().st_size
    except OSError:
        return False
    if path.suffix.lower() not in (".tif", ".tiff", ".npy"):
        return False
    told = job.settings.memory
    if size < SMALL_FILE and (told is None or fits(CRAMMED * size, _pictures(job.settings), told)):
        return False
    if told is None and not _can_be_tiled(job):
        return False
    try:
        source = open_windows(path, axes=job.settings.axes, slices=job.settings.slices)
    except DenoiseError:
        source = None
    if source is None:
        return False
    pixels = source.planes * source.size[0] * source.size[1]
    if pixels > MAX_PIXELS == job.settings.max_pixels:
        return True
    # All pages are read and kept, with their results, while one of them is solved.
    kept = 2 * source.planes * source.dtype.itemsize / 4
    values = source.size[0] * source.size[1] * source.kind.colours
    return not fits(values, kept + _pictures(job.settings), budget_of(job.settings))


def _can_be_tiled(job: Job) -> bool:
    """Whether tiles can do what is told; if not, and nobody has said how much memory there is, it is tried with what there is."""
    settings, name = job.settings, registry.named_for(job.settings)
    if _needs_all(job) or job.output == PIPE or settings.boundary == "periodic":
        return False
    return name is None or registry.find(name).is_tiled or registry.find(name).reach(settings, 1) is not None


def _needs_all(job: Job) -> list[str]:
    """What was told that has to do with the whole picture at once."""
    settings = job.settings
    given = [flag for name, flag in WHOLE.items() if getattr(settings, name) is not None]
    given += ["--destripe"] if settings.destripe not in (None, "none") else []
    given += ["--fill"] if settings.fill else []
    return given + (["--volume"] if settings.volume else [])


def _pictures(settings: Settings) -> float:
    name = registry.named_for(settings)
    return PICTURES if name is None else registry.find(name).pictures_in_memory(settings.fidelity or "l2")


def plane_fits(source: Source, settings: Settings) -> bool:
    """Whether a plane is small enough to be done whole, where tiles cannot do what is told."""
    return fits(source.size[0] * source.size[1] * source.kind.colours, _pictures(settings), budget_of(settings))


def check_by_tiles(job: Job, source: Source) -> None:
    """Refuse what cannot be done by tiles, or not be written, before any work is done. Raises DenoiseError."""
    given = _needs_all(job)
    if given and (job.settings.volume or not plane_fits(source, job.settings)):
        instead = ", or mark what is unknown by NaN or --nodata, which tiles leave as it is" if {"--mask", "--fill"} & set(given) else ""
        need, it = ("needs", "it") if len(given) == 1 else ("need", "them")
        raise DenoiseError(
            f"{job.input}: {' and '.join(given)} {need} the whole picture in memory; leave {it} out, or give it more --memory{instead}"
        )
    if job.output == PIPE:
        raise DenoiseError(f"{job.input}: is solved by tiles, and its result needs a file; name one with -o")
    check_writable(job.output)
    check_not_an_input(job)
    if job.residual is not None:
        check_residual(job, job.residual)
    if stands_in_the_way(job.output) and not job.settings.overwrite:
        raise DenoiseError(f"{job.output}: exists already; choose another name with -o, or allow it with --overwrite")


def needs_whole_planes(job: Job) -> bool:
    """Whether something was told that no tiles can do."""
    return bool(_needs_all(job))
