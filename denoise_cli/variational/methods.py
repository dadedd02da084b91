"""The two products: `denoise()` with everything it can be asked for, and `denoising()`, the MATLAB signature."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt

from denoise_cli.variational.fidelities import FIDELITIES, L1, Fidelity
from denoise_cli.variational.operators import BOUNDARIES
from denoise_cli.variational.problem import GapTarget, Problem, Reference, State, Status
from denoise_cli.variational.projection import GradientProjection, suits
from denoise_cli.variational.records import IterationRecord
from denoise_cli.variational.regularisers import CHANNELS, GROUPINGS, TV, TotalVariation
from denoise_cli.variational.solver import Anchors, Penalties, SplitBregman
from denoise_cli.variational.strips import Array, Strips

__all__ = ["METHODS", "Solution", "as_float", "check_options", "denoise", "denoising", "identity_threshold"]

# What each method takes, and what it does when it is not told; anything else that it is asked for is refused.
METHODS: Mapping[str, Mapping[str, Any]] = MappingProxyType(
    {
        "matlab": MappingProxyType(
            {"iterations": 100, "alpha": 500.0, "beta": 50.0, "boundary": "periodic", "tv": "anisotropic", "channels": "sum"}
        ),
        "optimal": MappingProxyType(
            {
                "iterations": 50_000,
                "gap": 1e-3,
                "boundary": "symmetric",
                "tv": "isotropic",
                "channels": "coupled",
                "weights": None,
            }
        ),
    }
)
# `matlab` is the original: these it has, and no others.
FIXED_IN_MATLAB = ("boundary", "tv", "channels")
# What can be reached: rounding moves the bound (and, under L1, where every pixel is a vertex or none, the picture) by about as much.
SMALLEST_GAP = {("float32", "l2"): 2e-6, ("float32", "l1"): 1e-4, ("float64", "l2"): 1e-12, ("float64", "l1"): 1e-12}


@dataclass(frozen=True)
class Solution:
    """What `denoise` returns.

    image: the result, shaped as the input, float; not clipped.  iterations: how many were done.  cost: F(image) + λR(image).
    status: why it ended.  records: one IterationRecord an iteration, if asked for.  bound ≤ optimum ≤ cost and
    gap = (cost − bound)/cost, None under "matlab", which has none.  psnr_db: against the reference, if there was one.
    input_is_a_minimiser: λ is at or under the threshold where L1 has its own input as an exact minimiser.
    dual: where the run ended, for `start`, if it was to be kept.
    """

    image: Array
    iterations: int
    cost: float
    status: Status
    records: list[IterationRecord] = field(default_factory=list)
    bound: float | None = None
    gap: float | None = None
    psnr_db: float | None = None
    input_is_a_minimiser: bool = False
    dual: Dual | None = field(default=None, repr=False)


@dataclass(frozen=True)
class Dual:
    """Where a run ended, for another to set out from: p, |p| ≤ λ, (2, channels, height, width); and λ."""

    p: Array
    weight: float


def denoise(
    image: npt.ArrayLike,
    weight: float | npt.ArrayLike,
    *,
    fidelity: str = "l2",
    method: str = "matlab",
    iterations: int | None = None,
    alpha: float | None = None,
    beta: float | None = None,
    gap: float | None = None,
    tv: str | None = None,
    channels: str | None = None,
    boundary: str | None = None,
    weights: npt.ArrayLike | None = None,
    reference: npt.ArrayLike | None = None,
    dtype: npt.DTypeLike | None = None,
    workers: int | None = None,
    records: bool = True,
    callback: Callable[[State], object] | None = None,
    start: Solution | None = None,
    keep_dual: bool = False,
) -> Solution:
    """Remove noise from a picture by total variation:  minimise over u   F(u; f) + λ·R(u).

    f is `image`, λ is `weight` (larger is smoother), R the total variation, and F the fidelity:

    * "l2": Σ (u − f)², without a ½; for Gaussian noise (Rudin, Osher & Fatemi 1992, Physica D 60, 259–268). A λ of about 1.4 σ suits
      noise of standard deviation σ.
    * "l1": Σ |u − f|; for impulses, salt and pepper (Nikolova 2004, J. Math. Imaging Vis. 20, 99–120). λ between 0.5 and 2.

    Two methods, both by split Bregman (Goldstein & Osher 2009, SIAM J. Imaging Sci. 2, 323–343), give two different pictures:

    * "matlab" repeats a MATLAB original iteration by iteration: anisotropic TV, periodic boundary, penalties alpha = 500 and beta = 50,
      100 iterations. It stops far from the minimum, and its result is a good picture *because* it stops early: the number of iterations
      is a parameter of the picture.
    * "optimal" is the minimiser. A lower bound from the dual problem certifies it: the run ends when
      gap = (cost − bound)/cost ≤ `gap`. How it gets there cannot be seen in the picture.

    Parameters
    ----------
    image : (height, width) or (height, width, channels). bool and unsigned integers of 8 and 16 bit are scaled to [0, 1]; floats are
        taken as they are, and λ of "l2" is then in their units. No NaN, no infinity.
    weight : λ > 0; for "optimal" also a map (height, width) of values ≥ 0.
    fidelity : "l2" or "l1".
    method : "matlab" or "optimal".
    iterations : how many ("matlab", 100 unless told), or at most how many ("optimal", 50,000 unless told).
    alpha, beta : "matlab": the penalties on Du and on u − f, 500 and 50 unless told. "optimal" chooses its own.
    gap : "optimal": the relative duality gap to stop at, 1e-3 unless told; at least 1e-12 in float64, in float32 2e-6 (l2)
        or 1e-4 (l1).
    tv : "optimal": "isotropic" (sqrt(Dx² + Dy²); unless told) or "anisotropic" (|Dx| + |Dy|).
    channels : "optimal": "coupled" (one norm over all channels, vectorial TV; unless told) or "separate".
    boundary : "optimal": "symmetric" (unless told) or "periodic".
    weights : "optimal": one weight ≥ 0 a pixel, (height, width), on the fidelity term; 0 is unknown, and is inpainted.
    reference : a clean picture to compare with, shaped and scaled as `image`: fills rmse, snr_db and psnr_db of the records.
    dtype : "float32" or "float64", what is computed in; float64 for a float64 image, else float32.
    workers : threads, all cores unless told. The result does not depend on it.
    records : False leaves `Solution.records` empty and saves the time that the costs of all iterations take.
    callback : called with the State after every iteration (`state.iteration`, `state.image`, `state.record`, computed when looked at);
        a true return value ends the run.
    start : "optimal": a Solution of the same picture at another λ, from a run with `keep_dual`, to set out from: fewer iterations to the
        same gap (1.7 times fewer in all along twelve λ from 0.02 to 0.5, upwards).
    keep_dual : keep in `Solution.dual` what `start` needs, which takes the memory of two pictures.

    Returns
    -------
    Solution, with `image` shaped as the input.

    Raises
    ------
    ValueError : an option that the method does not have, a value out of range, a picture that is empty or holds NaN.
    TypeError : a picture of a type with no scale (int64, complex …).

    >>> import numpy as np
    >>> step = np.repeat([0.0, 1.0], 8)[None, :]
    >>> denoise(step, 0.4, method="optimal", gap=1e-9).image[0, [0, -1]].round(6)  # a step of width 8 loses λ/(2·8) on either side
    array([0.025, 0.975])
    """
    given = np.asarray(image)
    pixels = as_float(given)
    if dtype is None:
        dtype = np.float64 if given.dtype.newbyteorder("=") == np.float64 else np.float32
    dtype = np.dtype(dtype)
    options = check_options(
        method, fidelity, dtype, workers, iterations=iterations, alpha=alpha, beta=beta, gap=gap, tv=tv, channels=channels,
        boundary=boundary, weights=weights,
    )  # fmt: skip

    size = pixels.shape[:2]
    data_term = _fidelity(fidelity, options, size, dtype)
    observed = _planar(pixels, dtype, "the picture", None if data_term.weights is None else data_term.weights > 0)
    problem = Problem(
        observed,
        data_term,
        TotalVariation(_lambda(weight, method, size, dtype), options["tv"], options["channels"]),
        BOUNDARIES[options["boundary"]](Strips(observed.shape, dtype, workers)),
        pixels.shape,
    )
    comparison = None if reference is None else _reference(reference, pixels.shape)
    dual = _warm(start, problem) if start is not None else None
    return _run(problem, method, options, comparison, records, callback, dual, keep_dual)


def _run(
    problem: Problem,
    method: str,
    options: Mapping[str, Any],
    reference: Reference | None,
    records: bool,
    callback: Callable[[State], object] | None,
    dual: Array | None,
    keep_dual: bool,
) -> Solution:
    trivial, looked_at = problem.input_is_a_minimiser(), records or callback is not None
    solver: SplitBregman | GradientProjection | None = None
    if method == "matlab":
        solver = SplitBregman(problem, Penalties(options["alpha"], options["beta"]))
        states, status = solver.states(options["iterations"], reference=reference, watched=looked_at), Status.ITERATIONS_DONE
    elif trivial:
        states, status = iter([problem.observed_as_state(reference)]), Status.INPUT_IS_MINIMISER
    else:
        problem = _centred(problem)
        target, status = GapTarget(options["gap"]), Status.ITERATION_LIMIT
        spread = problem.contrast() or 1.0
        if suits(problem, _mean(problem.regulariser.weight), spread, options["gap"]):
            solver = GradientProjection(problem, dual=dual)
            states = solver.states(options["iterations"], target=target, reference=reference, every=looked_at)
        else:
            solver = SplitBregman(
                problem,
                penalties(problem, spread),
                relaxation=1.8,
                split_fidelity=problem.fidelity.curvature is None,
                start_from_observed=True,
                anchors=_anchors(problem),
                dual=dual,
                keep_dual=keep_dual,
            )
            states = solver.states(options["iterations"], target=target, reference=reference, watched=looked_at)

    log: list[IterationRecord] = []
    for state in states:
        if records:
            log.append(state.record)
        if callback is not None and callback(state):
            status = Status.STOPPED
            break
    certificate = state.certificate
    if certificate is not None and status is Status.ITERATION_LIMIT and certificate.gap <= options["gap"]:
        status = Status.CONVERGED
    return Solution(
        image=np.array(state.image, order="C"),
        iterations=state.iteration,
        cost=state.record.cost if records or certificate else problem.cost(state.solution),
        status=status,
        records=log,
        bound=certificate.bound if certificate else None,
        gap=certificate.gap if certificate else None,
        psnr_db=reference.scores(state.picture, problem.strips)[2] if reference else None,
        input_is_a_minimiser=trivial,
        dual=_kept(solver, problem) if keep_dual else None,
    )


def _warm(start: Solution, problem: Problem) -> Array:
    """The dual variable to set out from: scaled with λ, so that it stays feasible."""
    if start.dual is None:
        raise ValueError("start keeps no dual variable: call denoise with keep_dual=True for it")
    if start.dual.p.shape != (2, *problem.observed.shape):
        raise ValueError("start is a solution of another picture: their shapes must agree")
    factor = _mean(problem.regulariser.weight) / start.dual.weight
    scaled: Array = start.dual.p * problem.observed.dtype.type(factor)
    return scaled


def _kept(solver: SplitBregman | GradientProjection | None, problem: Problem) -> Dual | None:
    if not isinstance(problem.regulariser.weight, float):
        return None  # scaling would leave the ball where λ is a map of another shape
    p = solver.p if solver is not None else None
    return None if p is None else Dual(p, problem.regulariser.weight)


def denoising(
    input: npt.ArrayLike,
    lambda_: float,
    max_iter: float,
    label: float,
    ori: npt.ArrayLike,
) -> tuple[Array, Array, Array]:
    """`[Result, cost, SNR] = denoising(input, lambda, max_Iter, label, Ori_Img)`: the MATLAB function, to rounding (1e-10).

    input : (height, width) or (height, width, channels); integers and bools are scaled to [0, 1] as `im2double` does.
    lambda_ : λ > 0, larger is smoother.  max_iter : iterations, rounded up.  label : 1 is L1, everything else L2.
    ori : the clean picture, shaped as input. Converted by `double`, not `im2double`: scale an integer picture yourself.

    Returns Result (float64, not clipped), and the cost and the RMSE after every iteration, (max_iter,). What the original calls SNR
    *is* the RMSE to `ori`: lower is better. Raises ValueError where the original stops with an error or returns nothing (max_iter ≤ 0),
    for NaN, which would poison the whole picture, and for an `ori` of another shape, which the original takes if the number of pixels
    agrees. The 1×N and N×1 pictures on which the original fails work.
    """
    pixels = as_float(input)
    clean = np.asarray(ori, np.float64)
    if clean.shape != pixels.shape:
        raise ValueError(f"ori has shape {clean.shape}, input {pixels.shape}: they must agree")
    solution = denoise(
        pixels, lambda_, fidelity="l1" if label == 1 else "l2", iterations=math.ceil(max_iter), reference=clean, dtype=np.float64
    )
    return (
        solution.image,
        np.array([record.cost for record in solution.records]),
        np.array([record.rmse for record in solution.records]),
    )


def identity_threshold(tv: str = "isotropic") -> float:
    """The λ at or under which any picture is a minimiser of its own TV-L1 problem: 1/(2+√2) isotropic, 1/4 anisotropic.

    A pixel and its two predecessors own the four differences that it enters; moving it alone by t gains at most λ·|t|·4 (or, where the
    own two share one norm, λ·|t|·(2+√2)) of total variation and costs |t|. Chan & Esedoḡlu 2005, SIAM J. Appl. Math. 65, 1817–1837.
    """
    return 1 / (2 + math.sqrt(2)) if tv == "isotropic" else 0.25


def as_float(image: npt.ArrayLike) -> Array:
    """The picture in floats, as MATLAB's im2double: bool → 0, 1; uint8 → /255; uint16 → /65535; floats stay.

    Raises TypeError for types with no agreed scale, ValueError for what is no picture.
    """
    pixels = np.asarray(image)
    if pixels.ndim not in (2, 3):
        raise ValueError(f"a picture is (height, width) or (height, width, channels), not an array of shape {pixels.shape}")
    if pixels.size == 0:
        raise ValueError(f"the picture is empty: shape {pixels.shape}")
    if not pixels.dtype.isnative:
        pixels = pixels.astype(pixels.dtype.newbyteorder("="))
    if pixels.dtype == bool:
        return pixels.astype(np.float64)
    if pixels.dtype in (np.uint8, np.uint16):
        return pixels / np.float64(np.iinfo(pixels.dtype).max)
    if pixels.dtype.kind != "f":
        raise TypeError(f"pixels of type {pixels.dtype} have no agreed scale: convert them to floats (or to uint8, uint16) first")
    return pixels


def _planar(pixels: Array, dtype: np.dtype[Any], name: str, known: Array | None = None) -> Array:
    """(channels, height, width); what is not known becomes the middle of what is, whatever it was."""
    planar = np.moveaxis(np.atleast_3d(pixels), -1, 0)
    with np.errstate(over="ignore"):
        planar = planar.astype(dtype, order="C")
    if known is not None:
        for channel in planar:
            channel[~known] = (channel[known].min() + channel[known].max()) / 2
    if not np.isfinite(planar).all():
        raise ValueError(f"{name} holds NaN or infinite pixels; replace them, or mask them with a weight of 0")
    return planar


def _centred(problem: Problem) -> Problem:
    """The same problem with 0 in the middle of each channel's values."""
    low, high = problem.box
    middle = (low / 2 + high / 2).astype(problem.observed.dtype)
    return replace(problem, observed=problem.observed - middle, offset=middle)


def check_options(method: str, fidelity: str, dtype: npt.DTypeLike, workers: int | None, **told: Any) -> dict[str, Any]:
    """The options of a method: those that were told (not None), and its defaults for the others.

    Raises ValueError, its message beginning with the option's name, for what the method does not have and for values out of range.
    """
    precision = np.dtype(dtype).name
    if fidelity not in FIDELITIES:
        raise ValueError(f"fidelity must be one of {', '.join(FIDELITIES)}, not {fidelity!r}")
    if precision not in ("float32", "float64"):
        raise ValueError(f"dtype must be float32 or float64, not {precision}")
    if workers is not None and operator.index(workers) < 1:
        raise ValueError(f"workers must be at least 1, not {workers}")
    if method not in METHODS:
        raise ValueError(f"method must be one of {', '.join(METHODS)}, not {method!r}")
    defaults = METHODS[method]
    for name, value in told.items():
        if value is None:
            continue
        if name not in defaults or (method == "matlab" and name in FIXED_IN_MATLAB and value != defaults[name]):
            raise ValueError(_refusal(method, name))
    options = {**defaults, **{name: value for name, value in told.items() if value is not None}}
    try:
        options["iterations"] = operator.index(options["iterations"])
    except TypeError:
        raise ValueError(f"iterations must be a whole number, not {options['iterations']!r}") from None
    for name, allowed in (("tv", TV), ("channels", CHANNELS), ("boundary", tuple(BOUNDARIES))):
        if options[name] not in allowed:
            raise ValueError(f"{name} must be one of {', '.join(allowed)}, not {options[name]!r}")
    if method == "optimal" and options["channels"] == "sum":
        raise ValueError(
            "channels 'sum' is the original's shrinkage, which minimises no energy, so it has no optimum and no gap: "
            "use channels coupled or separate, or method matlab"
        )
    if options["iterations"] < 1:
        raise ValueError(f"iterations must be at least 1, not {options['iterations']}")
    for name in ("alpha", "beta"):
        if name in options and not 0 < options[name] < math.inf:
            raise ValueError(f"{name} must be positive and finite, not {options[name]:g}")
    if "gap" in options:
        smallest, ever = SMALLEST_GAP[precision, fidelity], SMALLEST_GAP["float64", fidelity]
        if not smallest <= options["gap"] < math.inf:
            way_out = "; use dtype float64" if ever <= options["gap"] < smallest else ""
            raise ValueError(f"gap must be at least {smallest:g} in {precision}, not {options['gap']:g}{way_out}")
    return options


def _refusal(method: str, name: str) -> str:
    if name in ("alpha", "beta"):
        return f"{name} has no meaning for method {method}, which chooses its own penalties; use method matlab, or leave it out"
    return f"{name} has no meaning for method {method}, which has none to choose; use method optimal, or leave it out"


def _fidelity(name: str, options: Mapping[str, Any], size: tuple[int, ...], dtype: np.dtype[Any]) -> Fidelity:
    weights = options.get("weights")
    if weights is not None:
        weights = _map(weights, "weights", size, dtype)
        if not weights.any():
            raise ValueError("weights hide every pixel: nothing is known to restore the picture from")
    return FIDELITIES[name](weights, summed_channels=options["channels"] == "sum")


def _lambda(weight: float | npt.ArrayLike, method: str, size: tuple[int, ...], dtype: np.dtype[Any]) -> float | Array:
    if np.ndim(weight) == 0:
        number = float(np.asarray(weight))
        if not 0 < number <= float(np.finfo(dtype).max):
            raise ValueError(f"weight (lambda) must be positive and finite, not {number:g}")
        return number
    if method != "optimal":
        raise ValueError(f"a map of weights (lambda) has no meaning for method {method}: use method optimal, or give one number")
    return _map(weight, "weight (lambda)", size, dtype)


def _map(values: npt.ArrayLike, name: str, size: tuple[int, ...], dtype: np.dtype[Any]) -> Array:
    table = np.asarray(values)
    if table.shape != size:
        raise ValueError(f"{name} has shape {table.shape}, the picture {size}: they must agree")
    with np.errstate(over="ignore"):
        table = table.astype(dtype)
    if not (np.isfinite(table).all() and (table >= 0).all()):
        raise ValueError(f"{name} must be finite and not negative in every pixel")
    return table


def _reference(reference: npt.ArrayLike, shape: tuple[int, ...]) -> Reference:
    clean = as_float(reference)
    if clean.shape != shape:
        raise ValueError(f"the reference has shape {clean.shape}, the picture {shape}: they must agree")
    # Pictures from integers, and floats in the same units, peak at 1; others at what the clean one spans.
    span = 1.0 if clean.min() >= 0 and clean.max() <= 1 else float(clean.max() - clean.min())
    return Reference(_planar(clean, np.dtype(np.float64), "the reference"), span)


def penalties(problem: Problem, spread: float) -> Penalties:
    """Penalties in units of λ, of the weights and of the contrast of the picture, so that a change of units changes nothing.

    docs/solver.md has the search.
    """
    level, fidelity_weight = _mean(problem.regulariser.weight), _mean(problem.fidelity.weights)
    if isinstance(problem.fidelity, L1):
        start = 4 * min(1.0, level / fidelity_weight) ** 2 * fidelity_weight / spread
        return Penalties(start, start, growth=1.1, peak=10, settled=10)
    return Penalties(4 * level / spread, fidelity_weight / 2, growth=1.3, peak=45, decay=0.93, settled=8)


def _anchors(problem: Problem) -> Anchors | None:
    """For L1 with every difference by itself. Where differences share a norm, plain steps come to a gap of 1e-4 sooner."""
    alone = GROUPINGS[problem.regulariser.grouping(len(problem.observed))] == "alone"
    return Anchors() if problem.fidelity.has_kink and alone else None


def _mean(weights: float | Array | None) -> float:
    return 1.0 if weights is None else float(np.mean(weights, dtype=np.float64)) or 1.0
