"""The two products: `denoise()` with everything it can be asked for, and `denoising()`, the MATLAB signature."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from denoise_cli.measure.masks import hidden_by_mask, refuse_mask, shown_in
from denoise_cli.variational.defaults import check_options
from denoise_cli.variational.fidelities import FIDELITIES, Fidelity
from denoise_cli.variational.holes import with_holes_cut_out, with_holes_filled
from denoise_cli.variational.layout import MOST_AXES, Layout
from denoise_cli.variational.minimise import follow, minimise
from denoise_cli.variational.operators import BOUNDARIES
from denoise_cli.variational.pictures import Frame, as_float, as_map, as_reference, checked, default_dtype, planar
from denoise_cli.variational.problem import Problem
from denoise_cli.variational.regularisers import TotalVariation
from denoise_cli.variational.schedule import Penalties
from denoise_cli.variational.solution import Solution
from denoise_cli.variational.split_bregman import SplitBregman
from denoise_cli.variational.state import State, Status
from denoise_cli.variational.strips import Array, Strips

__all__ = ["denoise", "denoising", "identity_threshold"]

#: The square of a larger span, summed over the pixels, is no float64.
LARGEST_SPAN = 2.0**490


def denoise(
    image: npt.ArrayLike,
    weight: float | npt.ArrayLike,
    *,
    fidelity: str | Fidelity | type[Fidelity] = "l2",
    method: str = "matlab",
    iterations: int | None = None,
    alpha: float | None = None,
    beta: float | None = None,
    gap: float | None = None,
    tv: str | None = None,
    channels: str | None = None,
    boundary: str | None = None,
    weights: npt.ArrayLike | None = None,
    fill: bool = True,
    reference: npt.ArrayLike | None = None,
    white: float = 1.0,
    dtype: npt.DTypeLike | None = None,
    workers: int | None = None,
    records: bool = False,
    callback: Callable[[State], object] | None = None,
    start: Solution | None = None,
    keep_dual: bool = False,
    axes: int = 2,
    axis_weights: Sequence[float] | None = None,
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
    image : (height, width) or (height, width, channels), or what `axes` says. bool and unsigned integers of 8, 16 and 32 bits are
        scaled to [0, 1]; floats, signed and 64-bit integers are taken as they are, and λ of "l2" is then in their units:
        denoise(k·f + c) with λ times k ("l1": with the same λ) is k·denoise(f) + c. No NaN and no infinity where `weights` are not 0.
        Pixels that a masked array hides (in any channel) have weight 0; the result is a plain array.
    weight : λ > 0; for "optimal" also a map (height, width) of values ≥ 0.
    fidelity : "l2" or "l1"; for "optimal" also a class of your own or an instance of it (`fidelities.Fidelity` says what it needs).
    method : "matlab" or "optimal".
    iterations : how many ("matlab", 100 unless told), or at most how many ("optimal", 50,000 unless told).
    alpha, beta : "matlab": the penalties on Du and on u − f, 500 and 50 unless told. "optimal" chooses its own.
    gap : "optimal": the relative duality gap to stop at, 1e-3 unless told; at least 1e-12 in float64, in float32 2e-6 (l2)
        or 1e-4 (l1).
    tv : "optimal": "isotropic" (sqrt(Dx² + Dy²); unless told) or "anisotropic" (|Dx| + |Dy|).
    channels : "optimal": "coupled" (one norm over all channels, vectorial TV; unless told) or "separate".
    boundary : "optimal": "symmetric" (unless told) or "periodic".
    weights : "optimal": one weight ≥ 0 a pixel, (height, width), on the fidelity term. 0 is unknown: whatever such a pixel holds, NaN
        included, takes no part, and the result there is what the surroundings suggest.
    fill : False cuts unknown pixels out of the picture instead: no difference with one of them counts, and the result holds there what
        the image holds. That takes no longer than a picture without holes, where filling a large hole takes many iterations.
    reference : a clean picture to compare with, shaped and scaled as `image`: fills rmse, snr_db and psnr_db of the records.
    white : the peak of psnr_db, where the clean picture lies between 0 and that; elsewhere the peak is what it spans.
    dtype : "float32" or "float64", what is computed in; float64 for an image of float64 or of integers of 32 and 64 bits, else float32.
        The image of the result is of this type, too, unless float32 cannot hold it: elevations of 8,000 m in steps of a millimetre.
    workers : threads, all cores unless told. The result does not depend on it.
    records : True fills `Solution.records`, one an iteration, which takes the time to compute the cost of every iteration.
    callback : called with the State after every iteration (`state.iteration`, `state.image`, `state.record`, computed when looked at);
        a true return value ends the run.
    start : "optimal": a Solution of the same picture at another λ, from a run with `keep_dual`, to set out from: fewer iterations to the
        same gap (1.7 times fewer in all along twelve λ from 0.02 to 0.5, upwards).
    keep_dual : keep in `Solution.dual` what `start` needs, which takes the memory of two pictures.
    axes : "optimal": how many spatial axes come first in `image`, which is (*spatial) or (*spatial, channels): 1 for signals, 3 for volumes
        and for series of pictures, 4 for series of volumes. All differences of a pixel share one norm if `tv` is "isotropic".
        Maps and weights are (*spatial).
    axis_weights : "optimal": one number ≥ 0 for each spatial axis, by which the differences along it are multiplied; 1 unless told.

    Returns
    -------
    Solution, with `image` shaped as the input.

    Raises
    ------
    ValueError : an option that the method does not have, a value out of range, a picture that is empty or holds NaN.
    TypeError : a picture of a type with no scale (complex, text …).

    >>> import numpy as np
    >>> step = np.repeat([0.0, 1.0], 8)[None, :]
    >>> denoise(step, 0.4, method="optimal", gap=1e-9).image[0, [0, -1]].round(6)  # a step of width 8 loses λ/(2·8) on either side
    array([0.025, 0.975])
    """
    if not 1 <= axes <= MOST_AXES or (method == "matlab" and (axes != 2 or axis_weights is not None)):
        raise ValueError(f"method {method} takes {'pictures of 2' if method == 'matlab' else f'1 to {MOST_AXES}'} spatial axes, not {axes}")
    pixels = checked(image, axes)
    refuse_mask(weight=weight, weights=weights, reference=reference)
    if (hidden := hidden_by_mask(image)) is not None:
        shown = shown_in(hidden, axes)
        if method == "matlab":
            raise ValueError("a masked array has no meaning for method matlab: use method optimal, or fill it first (image.filled(…))")
        weights = shown.astype(float) if weights is None else np.where(shown, weights, 0)
    layout, dtype = Layout(pixels.shape, axes), default_dtype(pixels.dtype) if dtype is None else np.dtype(dtype)
    options = check_options(
        method, fidelity, dtype, workers, iterations=iterations, alpha=alpha, beta=beta, gap=gap, tv=tv, channels=channels,
        boundary=boundary, weights=weights,
    )  # fmt: skip
    data_term = _fidelity(fidelity, options, layout, dtype)
    difference = BOUNDARIES[options["boundary"]](Strips((layout.channels, *layout.solved), dtype, workers), layout.weights(axis_weights))
    comparison, planes = None if reference is None else as_reference(reference, layout, white), layout.planes(pixels)

    def problem_of(observed: Array, frame: Frame | None = None) -> Problem:
        unit = 1.0 if frame is None else frame.unit
        level = _lambda(weight, method, layout, dtype, 1.0 if data_term.degree is None else unit ** (1 - data_term.degree))
        regulariser = TotalVariation(level, options["tv"], options["channels"])
        return Problem(observed, data_term, regulariser, difference, pixels.shape, None if frame is None else frame.offset, unit)

    if method == "matlab":
        problem = problem_of(planar(planes, dtype, "the picture"))
        solver = SplitBregman(problem, Penalties(options["alpha"], options["beta"]))
        states = solver.states(options["iterations"], reference=comparison, watched=records or callback is not None)
        return follow(states, solver, status=Status.ITERATIONS_DONE, records=records, callback=callback, keep_dual=keep_dual)
    known = None if data_term.weights is None else data_term.weights > 0
    frame = Frame.of(planes, dtype, known, scalable=data_term.degree is not None)
    if frame.unit > LARGEST_SPAN:
        raise ValueError(f"the values of the picture span more than {LARGEST_SPAN:.2g}, too much for the arithmetic; divide them first")
    if known is not None and known.all():
        known = None
    problem = problem_of(frame.numbers(planes, dtype, known), frame)
    if known is None and problem.input_is_a_minimiser():
        # Nothing is taken off, so that the very input comes back.
        problem = problem_of(planar(planes, dtype, "the picture"))
    elif known is not None:
        problem = with_holes_filled(problem, known) if fill else with_holes_cut_out(problem, known)
    solution = minimise(
        problem, gap=options["gap"], iterations=options["iterations"], reference=comparison, records=records, callback=callback,
        start=start, keep_dual=keep_dual,
    )  # fmt: skip
    if known is not None and not fill:
        unknown = ~known.reshape(layout.spatial)
        solution.image[unknown] = as_float(pixels[unknown][None])[0]
    return solution


def _fidelity(told: str | Fidelity | type[Fidelity], options: Mapping[str, Any], layout: Layout, dtype: np.dtype[Any]) -> Fidelity:
    weights = options.get("weights")
    if weights is not None:
        weights = layout.table(as_map(weights, "weights", layout.spatial, dtype))
        if not weights.any():
            raise ValueError("weights hide every pixel: nothing is known to restore the picture from")
    if isinstance(told, Fidelity):
        return told if weights is None else replace(told, weights=weights)
    return (FIDELITIES[told] if isinstance(told, str) else told)(weights, summed_channels=options["channels"] == "sum")


def _lambda(weight: float | npt.ArrayLike, method: str, layout: Layout, dtype: np.dtype[Any], factor: float) -> float | Array:
    """λ, times `factor`; a map becomes `dtype`."""
    if np.ndim(weight) == 0:
        number = float(np.asarray(weight))
        if not 0 < number <= float(np.finfo(dtype).max):
            raise ValueError(f"weight (lambda) must be positive and finite, not {number:g}")
        return number * factor
    if method != "optimal":
        raise ValueError(f"a map of weights (lambda) has no meaning for method {method}: use method optimal, or give one number")
    scaled: Array = (layout.table(as_map(weight, "weight (lambda)", layout.spatial, np.float64)) * factor).astype(dtype, order="C")
    return scaled


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
    refuse_mask(input=input, ori=ori)
    pixels = as_float(input)
    clean = np.asarray(ori, np.float64)
    if clean.shape != pixels.shape:
        raise ValueError(f"ori has shape {clean.shape}, input {pixels.shape}: they must agree")
    solution = denoise(
        pixels,
        lambda_,
        fidelity="l1" if label == 1 else "l2",
        iterations=math.ceil(max_iter),
        reference=clean,
        dtype=np.float64,
        records=True,
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
