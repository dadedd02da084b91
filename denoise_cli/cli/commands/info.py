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
    from denoise_cli.choice.choose import Choice
    from denoise_cli.formats.files import Picture
    from denoise_cli.formats.picture import Page

__all__ = ["Facts", "Forecast", "app", "describe"]

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
class Forecast:
    """One method on one picture. iterations: of a page.  seconds: from opening the file to the finished result.
    memory: peak of the process, bytes."""

    iterations: int
    seconds: float
    memory: int


@dataclass(frozen=True)
class Facts:
    """What is told about a file. Every field can be written as JSON.

    depth: the type of the samples.  bits: of a sample.  channels: colours.  alpha: has transparency.  sizes: width, height of each page.
    profile: name of the ICC profile.  orientation: EXIF's, 1 (upright) to 8.  plan: what `denoise FILE` would do; None where it would
    fail, and `trouble` says why.  noise: kind, sigma, impulses … as `denoise_cli.tuning.estimate` returns them.
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
    from denoise_cli.choice.choose import choose
    from denoise_cli.noise.estimate import estimate
    from denoise_cli.variational import as_float

    frame = picture.pages[0].frame
    start = time.perf_counter()
    pixels = as_float(frame)
    noise = estimate(pixels)
    facts = replace(facts, noise=asdict(noise))
    choice = choose(pixels, noise=noise, workers=workers)
    choosing = (time.perf_counter() - start) * sum(page.colour.size for page in picture.pages) / picture.pages[0].colour.size
    methods = _forecasts(picture, pixels, choice, reading, choosing, workers)
    return replace(facts, plan=choice.sentence, fidelity=choice.fidelity, weight=choice.weight, methods=methods)


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


# ── what it would take ───────────────────────────────────────────────────────────────────────────────────────────────────────────────

# Values (pixels times channels) of the parts of the picture that are solved: one to count iterations, which hardly depend on the size,
# and one to time them.
COUNTED, TIMED = 2**16, 2**19
TIMED_ITERATIONS, PATIENCE = 6, 0.06
MATLAB_ITERATIONS = 100
# Of README's table (python -m benchmarks memory): peak in float32 pictures, grey and colour.
MULTIPLES = {
    ("matlab", "l2"): (5.1, 5.1), ("matlab", "l1"): (5.1, 5.1), ("optimal", "l2"): (9.0, 9.0), ("optimal", "l1"): (13.2, 13.3),
}  # fmt: skip
# Python, NumPy, the codecs; where λ is chosen, SciPy as well; and while it is, on a part of the picture.
PROCESS, CHOOSING_PROCESS, CHOOSING = 40 * 2**20, 60 * 2**20, 40 * 2**20


def _forecasts(picture: Picture, pixels: Any, choice: Choice, reading: float, choosing: float, workers: int | None) -> dict[str, Forecast]:
    from denoise_cli.variational import denoise

    part = _middle(pixels, COUNTED)
    solution = denoise(part, choice.weight, fidelity=choice.fidelity, method="optimal", dtype="float32", workers=workers, records=False)
    files = reading + _writing(picture, solution.image)
    scale = sum(page.colour.size for page in picture.pages) / pixels.size
    rate = Rate.of(_middle(pixels, TIMED), choice, workers)

    def forecast(method: str, iterations: int, before: float) -> Forecast:
        seconds = rate.seconds(method, iterations) * pixels.size * scale
        return Forecast(iterations, files + before + seconds, _memory(method, choice.fidelity, picture))

    return {"matlab": forecast("matlab", MATLAB_ITERATIONS, 0.0), "optimal": forecast("optimal", solution.iterations, choosing)}


@dataclass(frozen=True)
class Rate:
    """Seconds a value: what a method takes for one iteration and all around it, and for each further one."""

    first: dict[str, float]
    further: dict[str, float]

    def seconds(self, method: str, iterations: int) -> float:
        return self.first[method] + self.further[method] * max(0, iterations - 1)

    @classmethod
    def of(cls, pixels: Any, choice: Choice, workers: int | None) -> Rate:
        """Measured, unless it has been for a picture of this shape."""
        key = (pixels.shape, choice.fidelity, workers)
        if key not in RATES:
            first, further = {}, {}
            for method in ("matlab", "optimal"):
                one, several = (cls._seconds(pixels, choice, method, count, workers) for count in (1, TIMED_ITERATIONS))
                first[method], further[method] = one, max(0.0, several - one) / (TIMED_ITERATIONS - 1)
            RATES[key] = cls(first, further)
        return RATES[key]

    @staticmethod
    def _seconds(pixels: Any, choice: Choice, method: str, iterations: int, workers: int | None) -> float:
        from denoise_cli.variational import denoise

        times: list[float] = []
        # Others use the machine too: the best of three, unless that takes long.
        while len(times) < 3 and sum(times) < PATIENCE:
            start = time.perf_counter()
            denoise(
                pixels, choice.weight, fidelity=choice.fidelity, method=method, iterations=iterations, dtype="float32", workers=workers,
                records=False,
            )  # fmt: skip
            times.append(time.perf_counter() - start)
        return min(times) / float(pixels.size)


RATES: dict[tuple[Any, ...], Rate] = {}


def _middle(pixels: Any, values: int) -> Any:
    """The middle of the picture: a part of its shape with no more than so many values, and with sides that transforms take as well."""
    height, width = pixels.shape[:2]
    if pixels.size <= values:
        return pixels
    channels = pixels.size // (height * width)
    tall = _side(height, (values / channels * height / width) ** 0.5)
    wide = _side(width, values / channels / tall)
    top, left = (height - tall) // 2, (width - wide) // 2
    return pixels[top : top + tall, left : left + wide]


def _side(length: int, most: float) -> int:
    """A length up to `most` for which a Fourier transform takes about as long, for each value, as for `length`."""
    most = max(1, int(most))
    if length <= most:
        return length
    effort = _effort(length)
    return min(range(most, max(1, int(0.8 * most)) - 1, -1), key=lambda side: abs(_effort(side) - effort))


def _effort(length: int) -> float:
    """Of a Fourier transform, for each value: the sum of the prime factors; large ones are got around with one of twice the length
    (Bluestein), forward and back."""
    total, rest, factor = 0, length, 2
    while rest > 1:
        if factor * factor > rest:
            factor = rest
        while rest % factor == 0:
            total += factor
            rest //= factor
        factor += 1
    return min(total, 6.0 * length.bit_length())


def _writing(picture: Picture, image: Any) -> float:
    """Seconds that encoding the result takes, from a part of it."""
    from denoise_cli.formats.files import encode_picture

    page = picture.pages[0]
    height, width = image.shape[:2]
    beside = None if page.beside is None else page.beside[:height, :width]
    part = replace(picture, pages=(replace(page, colour=page.colour[:height, :width], beside=beside),))
    start = time.perf_counter()
    encode_picture(part.successor([image]), picture.format, Path(picture.format))
    whole = sum(each.colour.size for each in picture.pages)
    return (time.perf_counter() - start) * whole / float(image.size)


def _memory(method: str, fidelity: str, picture: Picture) -> int:
    """Peak of the process: the file's pages, the results so far, and the largest page in float64 and in the solver's arrays."""
    stored = sum(page.colour.nbytes + (0 if page.beside is None else page.beside.nbytes) for page in picture.pages)
    largest = max((page.colour for page in picture.pages), key=lambda colour: colour.size)
    multiple = MULTIPLES[method, fidelity][largest.ndim == 3 and largest.shape[2] > 1]
    others = 4 * (sum(page.colour.size for page in picture.pages) - largest.size)
    converted = 0 if largest.dtype.kind == "f" else 8 * largest.size
    solving = stored + others + converted + int(multiple * 4 * largest.size)
    if method == "matlab":
        return PROCESS + solving
    return CHOOSING_PROCESS + max(solving, stored + converted + CHOOSING)


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
