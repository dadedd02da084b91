"""How long a method would take on a picture, and how much memory: from a solve of a part of it."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from denoise_cli.methods import registry
from denoise_cli.methods.method import Method, Plan, Subject
from denoise_cli.settings import Settings

if TYPE_CHECKING:
    from denoise_cli.formats.picture import Picture
    from denoise_cli.variational.volume import Volume

__all__ = ["Forecast", "forecasts"]

#: Values (pixels times channels) of the part that counts iterations, which hardly depend on the size, and of the part that is timed.
COUNTED, TIMED = 2**16, 2**19
#: Iterations of the second timing, whose first has one; and the seconds after which a timing is not repeated.
TIMED_ITERATIONS, PATIENCE = 6, 0.06
#: λ, in spans of the picture, where the plan has none of its own: what suits noise of 6 % of the span.
TYPICAL = 0.1
#: Bytes of Python, NumPy and the codecs; the same where λ is chosen, with SciPy; and of the choice, on a part of the picture.
PROCESS, CHOOSING_PROCESS, CHOOSING = 40 * 2**20, 60 * 2**20, 40 * 2**20


@dataclass(frozen=True)
class Forecast:
    """One method on one picture. iterations: of a page.  seconds: from opening the file to the finished result.
    memory: peak of the process, bytes."""

    iterations: int
    seconds: float
    memory: int


def forecasts(picture: Picture, subject: Subject, plan: Plan, reading: float, planning: float) -> dict[str, Forecast]:
    """A Forecast for every method of the registry, with the fidelity and the λ of the plan.

    subject, plan : of the first page, or of the first volume.  reading : seconds that opening the file took.  planning : seconds that the
    plan takes on all pages.
    """
    found: dict[str, Forecast] = {}
    whole = sum(page.colour.size for page in picture.pages)
    for method in registry.all_methods().values():
        if subject.volume is not None and not method.takes_volumes:
            continue
        part, ours = _part(subject, COUNTED), _settings_for(method, plan)
        if method is plan.method:
            ours = plan.settings
        # What a plan keeps beside numbers, such as which pixels to trust, belongs to the whole page.
        planned = method is plan.method and (part is subject or not plan.details)
        solution = method.run(part, plan if planned else method.plan(part, ours))
        rate = _rate(method, _part(subject, TIMED), _settings_for(method, plan))
        rows = None if part.volume is None else part.volume.shape[-2]
        files = reading + _writing(picture, solution.image[:rows])
        seconds = files + (planning if method.is_automatic else 0.0) + rate.seconds(solution.iterations) * whole
        found[method.name] = Forecast(solution.iterations, seconds, _memory(method, plan, picture, subject))
    return found


def _settings_for(method: Method, plan: Plan) -> Settings:
    """What the method is told: the λ and the fidelity of the plan, as far as it has them, so that it chooses nothing anew."""
    weight = (plan.weight or TYPICAL * plan.scale.unit) if method.has_weight else None
    fidelity = plan.fidelity if "fidelity" in method.options else None
    return Settings(weight, method=method.name, fidelity=fidelity, workers=plan.settings.workers)


def _part(subject: Subject, values: int) -> Subject:
    """The middle of a page: a part of its shape with no more than so many values, and with sides that transforms take as well."""
    height, width = subject.stored.shape[:2]
    if subject.stored.size <= values:
        return subject
    if subject.volume is not None:
        return _block(subject, subject.volume, values)
    channels = subject.stored.size // (height * width)
    tall = _side(height, (values / channels * height / width) ** 0.5)
    wide = _side(width, values / channels / tall)
    top, left = (height - tall) // 2, (width - wide) // 2
    stored = subject.stored[top : top + tall, left : left + wide]
    known = None if subject.scale.known is None else subject.scale.known[top : top + tall, left : left + wide]
    if known is not None and (known.all() or not known.any()):
        known = None
    return Subject(stored, replace(subject.scale, known=known))


def _block(subject: Subject, volume: Volume, values: int) -> Subject:
    """The middle of a volume, of its shape."""
    share = (values / subject.stored.size) ** (1 / volume.axes)
    sides = [min(length, max(2, int(share * length))) for length in volume.shape]
    cut = tuple(slice((length - side) // 2, (length + side) // 2) for length, side in zip(volume.shape, sides, strict=True))
    block = volume.deep(subject.stored)[cut]
    part = replace(volume, shape=block.shape[: volume.axes])
    known = None if subject.scale.known is None else part.tall(volume.deep(subject.scale.known)[cut])
    if known is not None and (known.all() or not known.any()):
        known = None
    return Subject(part.tall(np.ascontiguousarray(block)), replace(subject.scale, known=known), volume=part)


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


@dataclass(frozen=True)
class Rate:
    """Seconds a value: one iteration and all around it, and each further one."""

    first: float
    further: float

    def seconds(self, iterations: int) -> float:
        return self.first + self.further * max(0, iterations - 1)


RATES: dict[tuple[Any, ...], Rate] = {}


def _rate(method: Method, part: Subject, settings: Settings) -> Rate:
    """Measured, unless it has been for a picture of this shape."""
    key = (method.name, part.stored.shape, settings.fidelity, settings.workers)
    if key not in RATES:
        if "iterations" in method.options:
            one, several = (_seconds(method, part, replace(settings, iterations=count)) for count in (1, TIMED_ITERATIONS))
            RATES[key] = Rate(one, max(0.0, several - one) / (TIMED_ITERATIONS - 1))
        else:
            RATES[key] = Rate(_seconds(method, part, settings), 0.0)
    return RATES[key]


def _seconds(method: Method, part: Subject, settings: Settings) -> float:
    plan = method.plan(part, settings)
    times: list[float] = []
    # Others use the machine too: the best of three, unless that takes long.
    while len(times) < 3 and sum(times) < PATIENCE:
        start = time.perf_counter()
        method.run(part, plan)
        times.append(time.perf_counter() - start)
    return min(times) / float(part.stored.size)


def _writing(picture: Picture, image: Any) -> float:
    """Seconds that encoding the result takes, from a part of it."""
    from denoise_cli.errors import DenoiseError
    from denoise_cli.formats.files import encode_picture, written_format

    page = picture.pages[0]
    height, width = image.shape[:2]
    beside = None if page.beside is None else page.beside[:height, :width]
    part = replace(picture, pages=(replace(page, colour=page.colour[:height, :width], beside=beside),))
    start = time.perf_counter()
    result = part.successor([image])
    try:
        encode_picture(result, written_format(picture), Path(picture.format))
    except DenoiseError:
        # A format that keeps the rest of its file takes a whole picture only.
        encode_picture(result, "npy", Path(picture.format))
    whole = sum(each.colour.size for each in picture.pages)
    return (time.perf_counter() - start) * whole / float(image.size)


def _memory(method: Method, plan: Plan, picture: Picture, subject: Subject) -> int:
    """Peak of the process: the file's pages, the results so far, and the largest page in the method's arrays."""
    stored = sum(page.colour.nbytes + (0 if page.beside is None else page.beside.nbytes) for page in picture.pages)
    largest = max((page.colour for page in picture.pages), key=lambda colour: colour.size) if subject.volume is None else subject.stored
    axes = 2 if subject.volume is None else subject.volume.axes
    others = 4 * (sum(page.colour.size for page in picture.pages) - largest.size)
    solving = stored + others + int(method.pictures_in_memory(plan.fidelity or "l2") * (axes + 1) / 3 * 4 * largest.size)
    solving += method.bytes_beside(largest.shape[0] * largest.shape[1])
    if not method.is_automatic:
        return PROCESS + solving
    return CHOOSING_PROCESS + max(solving, stored + CHOOSING)
