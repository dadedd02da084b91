"""The options, each declared once: flags, help, settings files, ledger lines, Python's keywords and docs/cli.md follow from here."""

# No `from __future__ import annotations`: the types of the fields are read, and are wanted as types.

from collections.abc import Callable
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any, Literal, Self, get_args, get_origin

from denoise_cli.storage.amounts import bytes_of
from denoise_cli.typed_words import axes_of, copies, distances, limits_of, number, positive, stored_value, weight_of

__all__ = ["ALGORITHM", "FILES", "MAX_PIXELS", "PROBLEM", "RUN", "Option", "Settings", "option", "options_of"]

# The headings of the help.
PROBLEM, ALGORITHM, FILES, RUN = "Problem", "Algorithm", "Files", "Run"
#: Pixels, 16384²: more than any camera has, and what a computer with 32 GB can solve.
MAX_PIXELS = 2**28
#: Which automatic mode chose; 0.1 had none written down.
AUTOMATIC = 2


@dataclass(frozen=True)
class Option:
    """One option.

    name: the field's, and Python's keyword.  flags: what is typed.  help, default: two halves of a sentence for people.
    kind: the type of one value: bool, int, float, str or Path.  values: all that can be typed, in the order of the help.
    is_open: `values` may grow while the program runs (methods are registered), so that others check them.
    parse: turns a word into the value, and raises UsageError.  is_repeatable: may be typed several times.  minimum: of a number.
    shorthands: flags that stand for one of the values, each with its help.
    in_file: "written" by --save-config, only "read" by --config, or "no".
    shapes_pixels: results differ with it, so that it belongs into the ledger.
    is_wired: something obeys it; until then it can be neither typed nor read from a settings file.
    """

    name: str
    flags: tuple[str, ...]
    help: str
    default: str | None
    panel: str
    kind: type
    metavar: str | None = None
    values: tuple[str, ...] = ()
    is_open: bool = False
    parse: Callable[[str, str], Any] | None = None
    is_repeatable: bool = False
    minimum: int | None = None
    shorthands: tuple[tuple[str, str], ...] = ()
    in_file: Literal["written", "read", "no"] = "read"
    shapes_pixels: bool = False
    is_wired: bool = True

    @property
    def long_name(self) -> str:
        """As settings files have it: the longest flag without its dashes."""
        return max(self.flags, key=len).lstrip("-")

    @property
    def sentence(self) -> str:
        """The help with the default."""
        return self.help if self.default is None else f"{self.help} [default: {self.default}]"

    def understand(self, typed: Any) -> Any:
        """The value of what was typed; None for nothing, and for the default's own name. Raises UsageError."""
        if typed is None or (self.parse is not None and typed == "auto") or (typed == self.default and typed in self.values):
            return None
        if self.is_repeatable:
            return tuple(typed) if self.parse is None else tuple(self.parse(word, self.long_name) for word in typed)
        return typed if self.parse is None else self.parse(typed, self.long_name)


def option(panel: str, help: str, *flags: str, default: Any = None, says: str | None = None, **details: Any) -> Any:
    """A field of a record of options. `says` is the default in words; without flags, the field's name is the flag."""
    return field(default=default, metadata={"option": (flags, {"panel": panel, "help": help, "default": says, **details})})


def options_of(record: Any) -> list[Option]:
    """The options that a dataclass declares, in its order."""
    found = []
    for each in fields(record):
        if "option" in each.metadata:
            flags, details = each.metadata["option"]
            flags = flags or ("--" + each.name.replace("_", "-"),)
            found.append(Option(name=each.name, flags=flags, kind=_kind(each.type), **details))
    return found


def _kind(annotation: Any) -> type:
    plain = next((kind for kind in get_args(annotation) if kind is not type(None)), annotation)
    return plain if plain in (bool, int, float, Path) and get_origin(annotation) is not tuple else str


# ── the options of a picture ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def _pixels(panel: str, help: str, *flags: str, **details: Any) -> Any:
    details = dict[str, Any](in_file="written", shapes_pixels=True) | details
    return option(panel, help, *flags, **details)


# fmt: off
@dataclass(frozen=True)
class Settings:
    """What is to be done to a picture; strings, numbers and paths only, so that it can travel to another process. None is not told."""

    weight: float | None = _pixels(PROBLEM, "λ > 0 in F(u; f) + λ·TV(u): larger is smoother. Pixels count from 0 to 1.", "--lambda",
        says="auto, from the picture", metavar="X", parse=weight_of)
    sigma: float | None = _pixels(PROBLEM, "auto: the noise's standard deviation, such as 0.04 or 10/255.",
        says="estimated", metavar="S", parse=number)
    strength: float | None = _pixels(PROBLEM, "auto: times the λ that was chosen; 2 is smoother, 0.5 keeps more.",
        says="1, as chosen", metavar="X", parse=positive)
    fidelity: str | None = _pixels(PROBLEM, "The data term F(u; f).", says="auto; l2 with --lambda X", values=("l1", "l2"), shorthands=(
        ("l1", "--fidelity l1, Σ|u − f|: for impulses, salt and pepper (λ about 0.5)."),
        ("l2", "--fidelity l2, Σ(u − f)²: for Gaussian noise (λ about 1.4 σ).")))
    vst: str | None = _pixels(PROBLEM, "Noise that grows with brightness: stabilise its variance around the L2 solve.", says="auto",
        values=("auto", "none", "anscombe", "generalized"))
    destripe: str | None = _pixels(PROBLEM, "Stripes that a sensor's rows or columns leave: take them off first.", says="none",
        values=("rows", "columns", "auto", "none"))
    tv: str | None = _pixels(PROBLEM, "Total variation.", says="optimal isotropic; matlab is anisotropic",
        values=("isotropic", "anisotropic"))
    channels: str | None = _pixels(PROBLEM, "How colours share it; separate gives each its own λ, if none is typed.",
        says="optimal coupled; matlab is sum", values=("coupled", "separate", "sum"))
    boundary: str | None = _pixels(PROBLEM, "Beyond the edges.", says="optimal symmetric; matlab is periodic",
        values=("symmetric", "periodic"))
    weights: Path | None = _pixels(PROBLEM, "Weight ≥ 0 of each pixel's fidelity, 0 is unknown (optimal, learned).",
        says="1 everywhere", metavar="MAP")
    mask: Path | None = _pixels(PROBLEM, "White is known, black is filled in (optimal, learned).", says="all known", metavar="MASK")
    lambda_map: Path | None = _pixels(PROBLEM, "λ ≥ 0 of each pixel, times --lambda if given (optimal).", says="none", metavar="MAP")
    limits: tuple[float, float] | None = _pixels(PROBLEM, "Black and white as the file stores them; only used for clipping.", "--range",
        says="by the type", metavar="LO,HI", parse=limits_of)
    nodata: tuple[float, ...] | None = _pixels(PROBLEM, "A stored value that means unknown, such as -9999 or nan; may be repeated.",
        says="as the file says", metavar="VALUE", parse=stored_value, is_repeatable=True)
    fill: bool = _pixels(PROBLEM, "Unknown pixels are filled in.", default=False, says="they stay as they are")
    axes: str | None = _pixels(PROBLEM, "What the axes of the file mean, such as ZYX or YXC.", says="as the file says",
        metavar="LETTERS", parse=axes_of)
    volume: bool = _pixels(PROBLEM, "Pages (or a folder's DICOM slices) are a volume, or frames of a scene (optimal; learned: each alone).",
        default=False, says="each page by itself")
    spacing: tuple[float, ...] | None = _pixels(PROBLEM, "--volume: how far apart neighbours are along Z, Y and X.",
        says="as the file says, or 1,1,1", metavar="Z,Y,X", parse=distances)
    time_weight: float | None = _pixels(PROBLEM, "--volume: couple T as well, times this; more makes frames more alike.",
        says="T only where there is no Z, times 1", metavar="W", parse=positive)
    same_lambda: bool = _pixels(PROBLEM, "auto: one noise level and one λ for all pages, against flicker.", default=False,
        says="each page has its own")
    method: str | None = _pixels(ALGORITHM,
        "matlab: the original iteration, stopped early, so that --iterations shapes the picture. "
        "optimal: the exact minimiser, certified. learned: a small network trained on photographs.",
        says="matlab with --lambda X, else what suits", is_open=True)
    iterations: int | None = _pixels(ALGORITHM, "matlab: how many. optimal: at most.", says="matlab 100; optimal 50000", metavar="N")
    gap: float | None = _pixels(ALGORITHM, "optimal: stop when (cost − optimum)/cost ≤ G is proven.", says="0.001", metavar="G")
    alpha: float | None = _pixels(ALGORITHM, "matlab: penalty on Du.", says="500", metavar="A")
    beta: float | None = _pixels(ALGORITHM, "matlab: penalty on u − f.", says="50", metavar="B")
    dtype: str = _pixels(ALGORITHM, "Precision of the computation.", default="float32", says="float32", values=("float32", "float64"))
    model: Path | None = _pixels(ALGORITHM, "learned: a network of your own.", says="the one that denoise brings", metavar="FILE.onnx")
    self_ensemble: int | None = _pixels(ALGORITHM, "learned: the mean of N runs on the picture turned and mirrored, N times as slow.",
        says="1", metavar="1|2|4|8", parse=copies)
    device: str | None = option(ALGORITHM, "Where to compute: cpu, cuda, cuda:1 …", says="cpu", metavar="DEVICE")
    overwrite: bool = option(FILES, "Replace results and logs that exist.", default=False, says="refuse")
    preserve_times: bool = option(FILES, "Results get the time stamps of their inputs.", default=False, says="no")
    max_pixels: int = option(FILES, "Refuse larger pictures before they are decoded.", default=MAX_PIXELS,
        says=f"{MAX_PIXELS}, 16384²", metavar="N", minimum=1)
    reference: Path | None = option(FILES, "A clean picture to compare with: RMSE, SNR, PSNR.", says="none", metavar="CLEAN")
    memory: int | None = option(RUN, "Larger pictures are solved by tiles on the disk (optimal, learned; TIFF, .npy, Zarr).",
        says="half of what is free", metavar="BYTES", parse=bytes_of)
    workers: int | None = option(RUN, "Threads for a picture.", says="all cores, shared among --jobs", metavar="N")
    # fmt: on

    @property
    def automatic(self) -> bool:
        """Whether λ is to be chosen from the picture."""
        return self.weight is None and self.lambda_map is None

    @property
    def slices(self) -> str:
        """What the pages of a volume count where its file says nothing: Z, or T with --time-weight; "" where no volume is meant."""
        return "" if not self.volume else "Z" if self.time_weight is None else "T"

    @property
    def axes_beside(self) -> tuple[str, ...]:
        """What the axes of an array beside the picture may be where it does not say so: those of the picture, or these without samples."""
        own = self.axes or (f"{self.slices}YX" if self.slices else "")
        return tuple(dict.fromkeys(letters for letters in (own, own.rstrip("CS")) if letters))

    def resolved(self) -> Self:
        """With the fidelity that is taken where none is told: L2 with a λ; without one the picture decides."""
        return replace(self, fidelity=self.fidelity or (None if self.automatic else "l2"))

    def fingerprint(self) -> dict[str, Any]:
        """What the pixels of a result depend on beside the input; maps by their content. What is not told is left out.

        For runs of version 0.1 with a λ this is its dictionary, so that folders begun with it are resumed. Its automatic runs chose
        otherwise than those of today, which have an entry of their own, so that their results are not taken for ours.
        """
        resolved = self.resolved()
        told = {each.name: getattr(resolved, each.name) for each in options_of(Settings) if each.shapes_pixels}
        plain = {name: _plain(value) for name, value in told.items() if value is not None and value is not False}
        return plain | {"automatic": AUTOMATIC} if self.automatic else plain


def _plain(value: Any) -> Any:
    """A value as JSON gives it back."""
    if isinstance(value, tuple):
        return [str(item) if item != item else item for item in value]
    if not isinstance(value, Path):
        return value
    from denoise_cli.storage.ledger import digest

    return f"{value.name} {digest(value)}"
