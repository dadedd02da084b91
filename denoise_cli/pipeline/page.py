"""One page of a picture: settings and pixels in; what came out, and what is to be said about it."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from denoise_cli.errors import DenoiseError
from denoise_cli.formats.files import read_picture
from denoise_cli.settings import Settings

if TYPE_CHECKING:
    from denoise_cli.choice.choose import Choice
    from denoise_cli.variational import Solution, State

__all__ = ["Done", "Settings", "chosen", "notes", "references", "solve", "together"]


@dataclass(frozen=True)
class Done:
    """A page that is done: what was chosen for it, if anything was, and what came out."""

    solution: Solution
    fidelity: str
    weight: float | None
    choice: Choice | None = None

    @property
    def image(self) -> Any:
        return self.solution.image


def solve(settings: Settings, source: Path, frame: Any, clean: Any = None, on_state: Callable[[State], object] | None = None) -> Done:
    """Denoise a frame; `source` is what errors name."""
    from denoise_cli import variational

    settings = settings.resolved()
    pixels = variational.as_float(frame)
    weights = _maps(settings, source, pixels.shape[:2])
    try:
        if settings.vst is not None:
            return _solve_stabilised(settings, frame, pixels, weights, clean, on_state)
        if not settings.automatic:
            return _solve(settings, pixels, weights, _lambda(settings, source, pixels.shape[:2]), clean, on_state)
        choice = _choose(settings, frame, pixels, weights)
        chosen = replace(settings, fidelity=choice.fidelity)
        return replace(_solve(chosen, pixels, weights, choice.weight, clean, on_state), choice=choice)
    except (ValueError, TypeError) as error:
        raise DenoiseError(f"{source}: {error}") from error
    except MemoryError as error:
        raise DenoiseError(f"{source}: not enough memory for {pixels.shape[1]} × {pixels.shape[0]} pixels; cut it into tiles") from error


def _solve(settings: Settings, pixels: Any, weights: Any, weight: Any, clean: Any, on_state: Callable[[State], object] | None) -> Done:
    from denoise_cli import variational

    fidelity = settings.fidelity or "l2"
    solution = variational.denoise(
        pixels, weight, fidelity=fidelity, method=str(settings.method), iterations=settings.iterations, alpha=settings.alpha,
        beta=settings.beta, gap=settings.gap, tv=settings.tv, channels=settings.channels, boundary=settings.boundary, weights=weights,
        reference=clean, dtype=settings.dtype, workers=settings.workers, records=False, callback=on_state,
    )  # fmt: skip
    return Done(solution, fidelity, weight if settings.lambda_map is None else None)


def _choose(settings: Settings, frame: Any, pixels: Any, weights: Any, sigma: float | None = None) -> Choice:
    """A λ for `pixels`; the noise is estimated from the frame as it was stored, whose type says where its values end."""
    from denoise_cli.choice.choose import choose
    from denoise_cli.noise.estimate import estimate

    sigma = settings.sigma if sigma is None else sigma
    noise = None if sigma is not None else estimate(frame, None if weights is None else weights > 0)
    return choose(
        pixels, fidelity=settings.fidelity, sigma=sigma, noise=noise, weights=weights, tv=settings.tv, channels=settings.channels,
        boundary=settings.boundary, workers=settings.workers,
    )  # fmt: skip


def _solve_stabilised(
    settings: Settings, frame: Any, pixels: Any, weights: Any, clean: Any, on_state: Callable[[State], object] | None
) -> Done:
    """L2 between the generalised Anscombe transform and its inverse; λ counts in the stabilised picture, which is on [0, 1] again."""
    from denoise_cli.measure.metrics import psnr_db
    from denoise_cli.noise.estimate import estimate
    from denoise_cli.noise.stabilise import Stabiliser

    noise = estimate(frame, None if weights is None else weights > 0)
    if noise.gain <= 0:
        raise ValueError("the noise was not found to grow with brightness, so there is nothing to stabilise: leave --vst out")
    stabiliser = Stabiliser(noise.gain, noise.read_noise if settings.vst == "generalized" else 0.0)
    low, high = float(pixels.min()), float(pixels.max())
    ends = (0.0, 1.0) if low >= 0 and high <= 1 else (low, high)
    stable, sigma = stabiliser.normalise(pixels, *ends)
    choice = None
    weight = settings.weight
    if weight is None:
        choice = replace(
            _choose(replace(settings, fidelity="l2"), frame, stable, weights, sigma),
            noise=replace(noise, read_noise=stabiliser.read_noise),
            stabilised=True,
        )
        weight = choice.weight
    done = _solve(settings, stable, weights, weight, None, on_state)
    image = stabiliser.restore(done.solution.image, *ends)
    psnr = None if clean is None else psnr_db(image, clean, 1.0 if ends == (0.0, 1.0) else float(clean.max() - clean.min()))
    return replace(done, solution=replace(done.solution, image=image, psnr_db=psnr), choice=choice)


def together(solutions: list[Solution]) -> Solution:
    """Pages as one: iterations, cost and bound add up; status and gap are the worst; PSNR is that of the mean squared error."""
    first = solutions[0]
    if len(solutions) == 1:
        return first
    from denoise_cli.variational import Status

    worse = [Status.INPUT_IS_MINIMISER, Status.ITERATIONS_DONE, Status.CONVERGED, Status.ITERATION_LIMIT, Status.STOPPED]
    bounds, gaps = [s.bound for s in solutions if s.bound is not None], [s.gap for s in solutions if s.gap is not None]
    psnrs = [s.psnr_db for s in solutions if s.psnr_db is not None]
    return replace(
        first, iterations=sum(s.iterations for s in solutions), cost=sum(s.cost for s in solutions),
        bound=sum(bounds) if bounds else None, gap=max(gaps, default=None),
        status=max((s.status for s in solutions), key=worse.index),
        psnr_db=-10 * math.log10(sum(10 ** (-psnr / 10) for psnr in psnrs) / len(psnrs)) if psnrs else None,
    )  # fmt: skip


def references(settings: Settings, source: Path, frames: list[Any]) -> list[Any]:
    """The clean picture for each frame: its own, where the reference has as many pages; otherwise the one there is."""
    path = settings.reference
    if path is None:
        return [None] * len(frames)
    from denoise_cli.variational import as_float

    clean = [as_float(frame) for frame in read_picture(path, max_pixels=settings.max_pixels).frames]
    if len(clean) == 1:
        clean *= len(frames)
    if len(clean) != len(frames):
        raise DenoiseError(f"{path}: the reference has {len(clean)} pages, {source} has {len(frames)}; give as many, or one for all")
    for ours, theirs in zip(clean, frames, strict=True):
        if ours.shape != theirs.shape:
            raise DenoiseError(
                f"{path}: the reference is {_size(ours.shape)}, {source} is {_size(theirs.shape)}; give a clean picture of the same size"
            )
    return clean


def _maps(settings: Settings, source: Path, size: tuple[int, ...]) -> Any:
    """The weights of the fidelity term from --weights, or from --mask (above half is known, the rest is not)."""
    if settings.weights is not None:
        return _map(settings.weights, source, size, settings.max_pixels)
    if settings.mask is not None:
        known = _map(settings.mask, source, size, settings.max_pixels) > 0.5
        if not known.any():
            raise DenoiseError(f"{settings.mask}: the mask hides every pixel; white is known, black is to be filled in. Invert it?")
        return known.astype("float64")
    return None


def _lambda(settings: Settings, source: Path, size: tuple[int, ...]) -> Any:
    if settings.lambda_map is None:
        return settings.weight
    values = _map(settings.lambda_map, source, size, settings.max_pixels)
    return values if settings.weight is None else values * settings.weight


def _map(path: Path, source: Path, size: tuple[int, ...], max_pixels: int) -> Any:
    import numpy as np

    from denoise_cli.variational import as_float

    values = as_float(read_picture(path, max_pixels=max_pixels).frames[0])
    if values.ndim == 3 and values.shape[2] == 1:
        values = values[:, :, 0]
    if values.shape != size:
        raise DenoiseError(
            f"{path}: the map is {_size(values.shape)}, {source} is {_size(size)}; give one value a pixel, grey, of the same size"
        )
    if not np.isfinite(values).all() or (values < 0).any():
        raise DenoiseError(f"{path}: the map holds negative or NaN values; give finite ones, 0 or larger")
    return values


def chosen(done: list[Done]) -> dict[str, Any]:
    """What a Report says about a choice; the λ and the fidelity of several pages only where they are the same."""
    first = done[0]
    same = {"fidelity": all(page.fidelity == first.fidelity for page in done), "weight": all(page.weight == first.weight for page in done)}
    used = {name: getattr(first, name) if alike else None for name, alike in same.items()}
    if first.choice is None:
        return used
    noise = first.choice.noise
    sentences = list(dict.fromkeys(page.choice.sentence for page in done if page.choice))
    assumed = "; ".join(sentences[:3]) + (f"; and {len(sentences) - 3} more" if len(sentences) > 3 else "")
    return used | {"assumed": assumed, "noise": noise.model, "sigma": first.choice.sigma, "impulses": noise.impulses}


def notes(done: list[Done], settings: Settings) -> tuple[str, ...]:
    """What a person should know about how the pages came out."""
    told = []
    if len(done) > 1:
        told.append(f"{len(done)} pages, each denoised by itself")
    if settings.vst is None and any(page.choice and page.choice.noise.model == "poisson" for page in done):
        told.append("the noise grows with brightness; --vst generalized does better")
    return (*told, *_threshold_note(done[0], settings))


def _threshold_note(done: Done, settings: Settings) -> tuple[str, ...]:
    if not done.solution.input_is_a_minimiser:
        return ()
    weight = "this λ map" if done.weight is None else f"λ {done.weight:g}"
    effect = (
        "the exact answer is the input; a larger λ removes noise"
        if settings.method == "optimal"
        else "the exact minimiser is the input itself, and the picture you get depends on --iterations"
    )
    return (f"L1 with {weight} is at or under the threshold (1/4 anisotropic, 0.2929 isotropic; more in 1-D): {effect}",)


def _size(shape: tuple[int, ...]) -> str:
    return f"{shape[1]} × {shape[0]}" + (f" × {shape[2]} channels" if len(shape) == 3 else " grey")
