"""`denoise info`: what a picture file holds, how noisy it is, and what `denoise` would do to it, in how long."""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from denoise_cli.cli.commands.tables import STDIO
from denoise_cli.cli.streams import print_json
from denoise_cli.errors import FAILED, OK, DenoiseError, UsageError

if TYPE_CHECKING:
    from denoise_cli.formats.files import Picture
    from denoise_cli.formats.picture import Page
    from denoise_cli.pipeline.forecast import Forecast

__all__ = ["Facts", "app", "describe"]

app = typer.Typer(rich_markup_mode=None, add_completion=False, pretty_exceptions_enable=False)


def _option(help: str, *names: str, **details: Any) -> Any:
    return typer.Option(*names, help=help, **details)


PICTURES = typer.Argument(metavar="FILE...", help="Pictures; a folder; a pattern in quotes; - for stdin.", show_default=False)
JSON = _option("One JSON object a picture, one a line. [default: text]", "--json")
RECURSIVE = _option("Folders within folders too. [default: no]", "--recursive", "-r")
WORKERS = _option("Threads that the prediction is for. [default: all cores]", metavar="N", min=1)
MAX_PIXELS = _option("Refuse larger pictures. [default: 268435456, 16384²]", metavar="N", min=1)


@app.command("info", context_settings={"help_option_names": ["-h", "--help"]})
def info(
    pictures: Annotated[list[Path], PICTURES],
    as_json: Annotated[bool, JSON] = False,
    recursive: Annotated[bool, RECURSIVE] = False,
    workers: Annotated[int | None, WORKERS] = None,
    max_pixels: Annotated[int | None, MAX_PIXELS] = None,
) -> None:
    """What a file holds, how noisy it is, what `denoise FILE` would do, and how long that would take.

    Seconds are those of the closing line of a run, reading and writing included; they are predicted from a solve of a part of the
    picture on this machine. Memory is the peak of the whole process. Of several pages, noise and λ are those of the first.

    \b
    denoise info scan.tif
    denoise info scans/ --recursive --json > scans.jsonl
    """
    from denoise_cli.batch.inputs import Selection, find
    from denoise_cli.cli.progress import say
    from denoise_cli.formats import files

    if pictures.count(STDIO) > 1:
        raise UsageError("- stands for standard input, which holds one picture: name it once")
    found = list(find(pictures, Selection(recursive, own_suffix="")))
    if not found:
        raise UsageError(f"{pictures[0]}: holds no picture that denoise reads; look deeper with --recursive")
    failed = printed = False
    for each in found:
        try:
            if each.error is not None:
                raise DenoiseError(each.error)
            facts = describe(each.path, max_pixels or files.MAX_PIXELS, workers)
        except DenoiseError as error:
            failed = True
            say(str(error))
            if as_json:
                print_json({"file": str(each.path), "error": str(error)})
            continue
        if as_json:
            print_json(asdict(facts) | {"error": None})
        else:
            print("\n" * printed + _block(facts), flush=True)
        printed = True
    raise typer.Exit(FAILED if failed else OK)


# ── what is known ────────────────────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True)
class Facts:
    """What is told about a file. Every field can be written as JSON.

    depth: the type of the samples.  bits: of a sample.  channels: colours.  alpha: has transparency.  sizes: width, height of each page.
    profile: name of the ICC profile.  orientation: EXIF's, 1 (upright) to 8.  plan: what `denoise FILE` would do; None where it would
    fail, and `trouble` says why.  noise: kind, sigma, impulses … as `denoise_cli.noise.estimate` returns them.
    """

    file: str
    bytes: int
    format: str
    width: int
    height: int
    depth: str
    bits: int
    colour: str
    channels: int
    alpha: bool
    pages: int
    sizes: list[tuple[int, int]]
    profile: str | None
    orientation: int
    notes: list[str]
    noise: dict[str, Any] | None = None
    plan: str | None = None
    fidelity: str | None = None
    weight: float | None = None
    trouble: str | None = None
    methods: dict[str, Forecast] = field(default_factory=dict)


def describe(path: Path, max_pixels: int, workers: int | None = None) -> Facts:
    """All that `denoise info` tells about a file; "-" is stdin. Raises DenoiseError for what cannot be read."""
    from denoise_cli.formats.exif import orientation
    from denoise_cli.formats.files import read_picture
    from denoise_cli.storage.pipes import read_stdin

    start = time.perf_counter()
    data = read_stdin() if path == STDIO else None
    picture = read_picture(path, data, max_pixels=max_pixels)
    reading = time.perf_counter() - start
    size = path.stat().st_size if data is None else len(data)
    if size < 2**20:
        # The first time, the codecs are loaded as well.
        start = time.perf_counter()
        picture = read_picture(path, data, max_pixels=max_pixels)
        reading = time.perf_counter() - start
    metadata = _metadata(picture)
    page = picture.pages[0]
    facts = Facts(
        file=str(path), bytes=size, format=picture.format, width=page.colour.shape[1], height=page.colour.shape[0], depth=picture.depth,
        bits=_bits(page), colour=_colour(page), channels=_channels(page), alpha=page.alpha is not None, pages=len(picture.pages),
        sizes=[(p.colour.shape[1], p.colour.shape[0]) for p in picture.pages],
        profile=None if metadata is None else _profile(metadata.icc), orientation=1 if metadata is None else orientation(metadata.exif),
        notes=list(picture.notes),
    )  # fmt: skip
    try:
        return _with_forecast(facts, picture, reading, workers)
    except (ValueError, TypeError) as error:
        return replace(facts, trouble=str(error))
    except MemoryError as error:
        raise DenoiseError(f"{path}: not enough memory for {facts.width} × {facts.height} pixels; cut it into tiles") from error


def _with_forecast(facts: Facts, picture: Picture, reading: float, workers: int | None) -> Facts:
    from denoise_cli.pipeline.forecast import forecasts
    from denoise_cli.pipeline.plan import make_plan, subject_of
    from denoise_cli.settings import Settings

    settings = Settings(workers=workers)
    subject = subject_of(picture.pages[0], settings)
    start = time.perf_counter()
    plan = make_plan(subject, settings)
    planning = (time.perf_counter() - start) * sum(page.colour.size for page in picture.pages) / picture.pages[0].colour.size
    methods = forecasts(picture, subject, plan, reading, planning)
    return replace(
        facts, noise=asdict(plan.noise) if plan.noise else None, plan=plan.sentence, fidelity=plan.fidelity, weight=plan.weight,
        methods=methods,
    )  # fmt: skip


def _metadata(picture: Picture) -> Any:
    """What formats have in common; None where it is damaged, which is no reason not to denoise."""
    from denoise_cli.formats.conversion import codec

    try:
        return codec(picture.format).metadata(picture)
    except Exception:
        return None


def _bits(page: Page) -> int:
    if page.colour.dtype == bool:
        return 1
    return min(page.bits, 8) if page.colour.dtype.name == "uint8" else 8 * page.colour.dtype.itemsize


def _channels(page: Page) -> int:
    return 1 if page.colour.ndim == 2 else int(page.colour.shape[2])


def _colour(page: Page) -> str:
    if page.model == "cmyk":
        return "CMYK"
    return {1: "grey", 3: "RGB"}.get(_channels(page), f"{_channels(page)} channels")


def _profile(icc: bytes | None) -> str | None:
    """The name that an ICC profile gives itself."""
    if not icc:
        return None
    import io

    from PIL import ImageCms

    try:
        return ImageCms.getProfileDescription(ImageCms.ImageCmsProfile(io.BytesIO(icc))).strip() or "without a name"
    except Exception:  # a profile that is damaged, or a Pillow that was built without the library for them
        return f"unreadable, {len(icc)} bytes"


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
    line("format", f"{facts.format.upper()}, {_depth(facts)}, {facts.colour}{' + alpha' if facts.alpha else ''}")
    line("profile", facts.profile or "none")
    line("orientation", "upright" if facts.orientation == 1 else f"{TURNED[facts.orientation]} (EXIF {facts.orientation})")
    for note in facts.notes:
        line("note", note)
    if facts.noise is not None:
        line("noise", _noise(facts.noise))
        line("impulses", _impulses(facts.noise))
    if facts.plan is None:
        line("denoise", f"would fail: {facts.trouble}")
        return "\n".join(lines)
    line("denoise", facts.plan + (f" (page 1 of {facts.pages}; each has its own)" if facts.pages > 1 else ""))
    for method, told in facts.methods.items():
        about = "" if method == "matlab" else "about "
        line(f"  {method}", f"{_seconds(told.seconds)}, {_bytes(told.memory)} of memory, {about}{told.iterations} iterations")
    return "\n".join(lines)


def _depth(facts: Facts) -> str:
    return facts.depth if facts.depth.startswith("float") else f"{facts.bits} bit"


def _noise(noise: dict[str, Any]) -> str:
    kinds = {"none": "hardly any", "gaussian": "Gaussian", "poisson": "grows with brightness", "impulses": "beside the impulses"}
    return f"{kinds[noise['model']]}, σ ≈ {noise['sigma']:.3g} ({255 * noise['sigma']:.3g}/255)"


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
    return f"{count} bytes"
