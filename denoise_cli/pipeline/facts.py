"""What is known about a picture file: what it holds, how noisy it is, and what denoising it would take."""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from denoise_cli.errors import DenoiseError
from denoise_cli.formats.conversion import codec
from denoise_cli.formats.exif import orientation
from denoise_cli.formats.files import read_picture, read_source
from denoise_cli.pipeline.forecast import forecasts
from denoise_cli.pipeline.job import as_meant
from denoise_cli.pipeline.plan import make_plan, subject_of
from denoise_cli.pipeline.stacks import stacks_of, together
from denoise_cli.settings import Settings

if TYPE_CHECKING:
    from denoise_cli.formats.picture import Page, Picture
    from denoise_cli.pipeline.forecast import Forecast

__all__ = ["Facts", "describe"]


@dataclass(frozen=True)
class Facts:
    """What is told about a file. Every field can be written as JSON.

    axes: letters and lengths of the axes along which pages are counted, slowest first, then Y and X; none for one page.
    spacing: the voxel size that the file says, by letter.
    depth: the type of the samples.  bits: of a sample.  channels: colours.  alpha: has transparency.  sizes: width, height of each page.
    profile: name of the ICC profile.  orientation: EXIF's, 1 (upright) to 8.  plan: what `denoise FILE` would do; None where it would
    fail, and `trouble` says why.  noise: kind, sigma, impulses … as `denoise_cli.noise.estimate` returns them.  level: its sigma in the
    units of the file, in words.
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
    level: str | None = None
    plan: str | None = None
    fidelity: str | None = None
    weight: float | None = None
    trouble: str | None = None
    methods: dict[str, Forecast] = field(default_factory=dict)
    axes: dict[str, int] = field(default_factory=dict)
    spacing: dict[str, float] = field(default_factory=dict)
    volume: str | None = None


def describe(path: Path, settings: Settings) -> Facts:
    """All that `denoise info` tells about a file, or about the DICOM slices of a folder; "-" is stdin. Raises DenoiseError for what cannot
    be read.

    settings: threads, axes, and whether the pages are the slices of a volume.
    """

    start = time.perf_counter()
    told: dict[str, Any] = {"max_pixels": settings.max_pixels, "axes": settings.axes, "slices": settings.slices}
    in_slices = settings.volume and path.is_dir()
    name, data = (path, None) if in_slices else read_source(path)
    picture = read_picture(name, data, **told)
    reading = time.perf_counter() - start
    size = sum((path / each).stat().st_size for each, _ in picture.extras["slices"]) if data is None else len(data)
    if size < 2**20:
        # The first time, the codecs are loaded as well.
        start = time.perf_counter()
        picture = read_picture(name, data, **told)
        reading = time.perf_counter() - start
    del data
    picture = as_meant(picture, settings)
    metadata = _metadata(picture)
    page = picture.pages[0]
    facts = Facts(
        file=str(path), bytes=size, format=picture.format, width=page.colour.shape[1], height=page.colour.shape[0], depth=picture.depth,
        bits=_bits(page), colour=_colour(page), channels=_channels(page), alpha=page.alpha is not None, pages=len(picture.pages),
        sizes=[(p.colour.shape[1], p.colour.shape[0]) for p in picture.pages],
        profile=None if metadata is None else _profile(metadata.icc), orientation=1 if metadata is None else orientation(metadata.exif),
        notes=list(picture.notes), axes=_axes(picture), spacing=picture.extras.get("spacing") or {},
    )  # fmt: skip
    try:
        return _with_forecast(facts, picture, reading, settings, path)
    except (ValueError, TypeError) as error:
        return replace(facts, trouble=str(error))
    except MemoryError as error:
        raise DenoiseError(f"{path}: not enough memory for {facts.width} × {facts.height} pixels; cut it into tiles") from error


def _with_forecast(facts: Facts, picture: Picture, reading: float, settings: Settings, path: Path) -> Facts:

    stacks = stacks_of(picture, settings, path)
    stack = stacks[0]
    facts = replace(facts, volume=together(stacks, None) if stack.volume is not None else None)
    subject = subject_of(stack.page, settings, numbers=stack.numbers, volume=stack.volume)
    start = time.perf_counter()
    plan = make_plan(subject, settings)
    planning = (time.perf_counter() - start) * sum(page.colour.size for page in picture.pages) / stack.page.colour.size
    methods = forecasts(picture, subject, plan, reading, planning)
    return replace(
        facts, noise=asdict(plan.noise) if plan.noise else None, plan=plan.sentence, fidelity=plan.fidelity, weight=plan.weight,
        methods=methods, level=subject.scale.amount(plan.noise.sigma) if plan.noise else None,
    )  # fmt: skip


def _axes(picture: Picture) -> dict[str, int]:
    first, last = dict(picture.pages[0].axes), dict(picture.pages[-1].axes)
    if first.keys() != last.keys() or not first:
        return {}
    height, width = picture.pages[0].colour.shape[:2]
    return {letter: at + 1 for letter, at in last.items()} | {"Y": height, "X": width}


def _metadata(picture: Picture) -> Any:
    """What formats have in common; None where it is damaged, which is no reason not to denoise."""

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
        return f"unreadable, {len(icc):,} bytes"
