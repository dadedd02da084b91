"""`denoise()` for Python: arrays in, the picture and the plan that made it out."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from denoise_cli.measure.masks import hidden_by_mask, refuse_mask, shown_in
from denoise_cli.measure.scale import Scale
from denoise_cli.measure.unmeasured import unmeasured
from denoise_cli.methods.method import Plan, Subject
from denoise_cli.methods.registry import find, known_names
from denoise_cli.pipeline.arrangement import UNTOLD, Arrangement, Untold, array_of, as_scikit_image_has_it
from denoise_cli.pipeline.plan import carry_out, check, check_uncoupled, without_stripes
from denoise_cli.pipeline.report import pooled, psnr_of
from denoise_cli.settings import Settings
from denoise_cli.variational import Solution
from denoise_cli.variational.solution import as_one

if TYPE_CHECKING:
    from denoise_cli.variational import State

__all__ = ["Denoised", "denoise"]

Array = npt.NDArray[Any]
# In the settings, where files are named, in the place of what came as an array.
IN_MEMORY = Path("(an array)")
#: The arguments of `denoise` that mean the same for a channel by itself.
APART = (
    "fidelity", "method", "sigma", "strength", "vst", "destripe", "iterations", "alpha", "beta", "gap", "tv", "boundary", "weights",
    "nodata", "fill", "dtype", "workers", "device", "model", "self_ensemble", "records", "callback", "spacing",
)  # fmt: skip


@dataclass(frozen=True)
class Denoised(Solution):
    """A Solution, and the `plan` that led to it: method, noise, fidelity, λ and the sentence that the closing line says."""

    plan: Plan = field(kw_only=True)


def denoise(
    image: npt.ArrayLike,
    weight: float | npt.ArrayLike | None = None,
    *,
    fidelity: str | None = None,
    method: str | None = None,
    sigma: float | None = None,
    strength: float | None = None,
    vst: str | None = None,
    destripe: str | None = None,
    iterations: int | None = None,
    alpha: float | None = None,
    beta: float | None = None,
    gap: float | None = None,
    tv: str | None = None,
    channels: str | None = None,
    boundary: str | None = None,
    weights: npt.ArrayLike | None = None,
    nodata: Sequence[float] = (),
    fill: bool = False,
    reference: npt.ArrayLike | None = None,
    dtype: npt.DTypeLike | None = None,
    workers: int | None = None,
    device: str | None = None,
    model: Path | None = None,
    self_ensemble: int | None = None,
    records: bool = False,
    callback: Callable[[State], object] | None = None,
    start: Solution | None = None,
    keep_dual: bool = False,
    channel_axis: int | Untold | None = UNTOLD,
    axes: str | None = None,
    spacing: Sequence[float] | None = None,
    time_weight: float | None = None,
) -> Denoised:
    """Remove noise from a picture. With no number it does what `denoise PICTURE` does at the prompt.

    Where λ is told, the picture is a minimiser (or nearly one) of   F(u; f) + λ·R(u),   f the image, λ = `weight` (larger is smoother), R
    the total variation, and F the fidelity:

    * "l2": Σ (u − f)², without a ½; for Gaussian noise (Rudin, Osher & Fatemi 1992, Physica D 60, 259–268). A λ of about 1.4 σ suits
      noise of standard deviation σ.
    * "l1": Σ |u − f|; for impulses, salt and pepper (Nikolova 2004, J. Math. Imaging Vis. 20, 99–120). λ between 0.5 and 2.

    Two methods, both by split Bregman (Goldstein & Osher 2009, SIAM J. Imaging Sci. 2, 323–343), give two different pictures:

    * "matlab" repeats a MATLAB original iteration by iteration: anisotropic TV, periodic boundary, penalties alpha = 500 and beta = 50,
      100 iterations. It stops far from the minimum, and its result is a good picture *because* it stops early: the number of iterations
      is a parameter of the picture. It is what a λ without a method means.
    * "optimal" is the minimiser. A lower bound from the dual problem certifies it: the run ends when
      gap = (cost − bound)/cost ≤ `gap`. How it gets there cannot be seen in the picture.

    Without a λ the noise is estimated, and what suits it is chosen; `result.plan.sentence` says what.

    Parameters
    ----------
    image : a picture, (height, width) or (height, width, channels) with at most 16 channels; an array of any other shape, or whose axes
        `channel_axis` or `axes` tell, has 1 to 4 spatial axes. Any real type: of a picture, and where `axes` tells, bool and unsigned
        integers of 8, 16 and 32 bit are scaled to [0, 1]; floats, signed and 64-bit integers are taken as they are, and σ and λ of "l2"
        are in their units. (`channel_axis` has the rules of other arrays.) Pixels that are NaN or infinite take part in nothing and come
        back as they came; so do those that a masked array hides (in any channel), and the result is a plain array.
    weight : λ > 0; for "optimal" also a map (height, width) of values ≥ 0; None chooses it.
    fidelity : "l2" or "l1". With a λ "l2" unless told, else by the noise.
    method : "matlab", "optimal", "learned" (a small network, docs/learned.md), or another one of `denoise_cli.methods.registry`.
        Unless told, with a λ "matlab" for a picture, and "optimal" for other arrays and wherever `channel_axis` or `axes` are told;
        without a λ what suits.
    sigma : standard deviation of the noise, where it is known; only without a λ.
    strength : multiplies the λ that is chosen, where none is told: above 1 is smoother, below keeps more.
    vst : noise that grows with brightness is stabilised around the L2 solve where it gains, unless told "none"; "anscombe" or
        "generalized" do it by name.
    destripe : "rows", "columns" or "auto": stripes that a sensor's rows or columns leave are taken off first.
    iterations : how many ("matlab", 100 unless told), or at most how many ("optimal", 50,000 unless told).
    alpha, beta : "matlab": the penalties on Du and on u − f, 500 and 50 unless told. "optimal" chooses its own.
    gap : "optimal": the relative duality gap to stop at, 1e-3 unless told; at least 1e-12 in float64, in float32 2e-6 (l2)
        or 1e-4 (l1).
    tv : "optimal": "isotropic" (sqrt(Dx² + Dy²); unless told) or "anisotropic" (|Dx| + |Dy|).
    channels : "optimal": "coupled" (one norm over all channels, vectorial TV; unless told) or "separate": every
        channel by itself, and where no λ is told with the one that suits its noise (`result.plan.weights`).
    boundary : "optimal": "symmetric" (unless told) or "periodic".
    weights : "optimal": one weight ≥ 0 a pixel, (height, width), on the fidelity; 0 is unknown, and is inpainted.
    nodata : values that stand for "no value"; such pixels are treated as NaN is. Without a λ, the zeros of a depth map and the
        fillers of elevation models are seen unasked (`denoise_cli.measure.unmeasured`); tell NaN, and they are values.
    fill : pixels without a value are filled in, where the method can.
    reference : a clean picture to compare with, shaped and typed as `image`: fills `psnr_db`, and rmse, snr_db, psnr_db of the records.
    dtype : "float32" or "float64", what is computed in; float64 for a float64 image, else float32.
    workers : threads, all cores unless told. The result does not depend on it.
    device, model : "learned": where to compute ("cpu", "cuda", …), and a network of one's own, an .onnx file.
    self_ensemble : "learned": 2, 4 or 8 runs on the picture turned and mirrored, whose mean is taken: better, and as many times slower.
    records : True keeps an IterationRecord of every iteration in `result.records`, which computes the cost of every iteration.
    callback : called with the State after every iteration (`state.iteration`, `state.image`, `state.record`, computed when looked at);
        a true return value ends the run.
    start : "optimal": a result of the same picture at another λ, from a run with `keep_dual`, to set out from: fewer iterations to the
        same gap (1.7 times fewer in all along twelve λ from 0.02 to 0.5, upwards).
    keep_dual : keep in `result.dual` what `start` needs, which takes the memory of two pictures.
    channel_axis : as in scikit-image: which axis of `image` holds the channels, or None for none; all others, 1 to 4, are spatial. Types
        are converted as there, too: float32 stays, integers become float64 on [0, 1] or [−1, 1]. Each channel is denoised by itself, bit
        for bit as it would be alone, unless `channels` is "coupled". Only "learned", by name or because it suits, takes three channels
        together, as colours. An array that is no picture, and of which nothing is told, is taken with `channel_axis=None`.
    axes : one letter for each axis of `image`: z, y, x and t (time) are spatial, c holds the channels; such as "zyx" or "tyxc". The
        differences along all axes belong to one total variation ("learned" goes slice by slice). `weights` and maps have the spatial axes.
    spacing : how far apart neighbours are along each spatial axis but t, in any unit: differences are multiplied by the smallest distance
        over that of their axis.
    time_weight : what differences along t are multiplied by, 1 unless told; more makes the frames more alike.

    Returns
    -------
    Denoised : a Solution whose `image` is shaped as the input, floats, not clipped; `plan` says what was decided.

    Raises
    ------
    ValueError : an option that the method does not have, a value out of range, a picture that is empty or holds no value.
    TypeError : a picture of a type that has no order (complex, text …).

    >>> import numpy as np
    >>> step = np.repeat([0.0, 1.0], 8)[None, :]
    >>> denoise(step, 0.4, method="optimal", gap=1e-9).image[0, [0, -1]].round(6)  # a step of width 8 loses λ/(2·8) on either side
    array([0.025, 0.975])
    """
    refuse_mask(weight=weight, weights=weights, reference=reference)
    whole, hidden = array_of(image), hidden_by_mask(image)
    arranged = Arrangement.of(whole.shape, channel_axis=channel_axis, axes=axes, spacing=spacing, time_weight=time_weight)
    if whole.size == 0:
        raise ValueError(f"the picture is empty: shape {whole.shape}")
    if arranged.like_scikit_image:
        whole = as_scikit_image_has_it(whole)
        may_be_learned = method == "learned" or (method is None and weight is None and arranged.volume is None)
        if arranged.channel_axis is not None and not arranged.together(channels, may_be_learned):
            if start is not None or keep_dual:
                raise ValueError("start and keep_dual have no meaning for channels that are solved one by one; use channels='coupled'")
            told = {name: value for name, value in locals().items() if name in APART}
            whole = whole if hidden is None else np.ma.array(whole, mask=hidden)
            return _channel_by_channel(whole, weight, reference, arranged.channel_axis, told)
    if not arranged.is_plain and (weight is not None or arranged.volume is not None):
        method = method or "optimal"
    if method in known_names() and not find(method).couples_slices:
        check_uncoupled(method, spacing, time_weight)
    stored = arranged.picture(whole)
    table = arranged.table(weights, "weights")
    shown = None if hidden is None else shown_in(arranged.picture(hidden))
    if weight is None and not nodata:
        nodata = unmeasured(stored, shown)
    known = shown if table is None else table > 0 if shown is None else shown & (table > 0)
    scale = Scale.of(stored, known, nodata=nodata)
    is_double = stored.dtype.kind == "f" and stored.dtype.itemsize > 4
    precision = np.dtype(dtype or (np.float64 if is_double else np.float32)).name
    is_map = weight is not None and np.ndim(weight) > 0
    settings = Settings(
        None if weight is None or is_map else float(np.asarray(weight)), fidelity=fidelity, method=method, sigma=sigma, strength=strength,
        vst=vst, destripe=destripe, device=device, model=model, self_ensemble=self_ensemble, iterations=iterations, alpha=alpha,
        beta=beta, gap=gap, tv=tv, channels=channels, boundary=boundary, fill=fill, dtype=precision, workers=workers,
    )  # fmt: skip
    beside: dict[str, Any] = {name: IN_MEMORY for name, told in (("lambda_map", is_map), ("weights", weights is not None)) if told}
    settings = replace(settings, **beside)
    most = float(np.finfo(settings.dtype).max) if settings.dtype in ("float32", "float64") else math.inf
    if settings.weight is not None and not 0 < settings.weight <= most:
        raise ValueError(f"weight (lambda) must be positive and finite, not {settings.weight:g}")
    if weights is not None and not np.any(weights):
        raise ValueError("weights hide every pixel: nothing is known to restore the picture from")
    check(settings)
    subject = Subject(
        stored, scale, weights=table, weight_map=arranged.table(weight, "weight (lambda)"),
        reference=None if reference is None else _reference(reference, arranged), precision=settings.dtype, volume=arranged.volume,
    )  # fmt: skip
    details: dict[str, Any] = {"records": records}
    if start is not None or keep_dual:
        details |= {"start": start, "keep_dual": keep_dual}
    outcome = carry_out(without_stripes(subject, settings), settings, callback, **details)
    solution = outcome.solution
    found = solution.image
    # What has no value keeps none, unless weights or `fill` ask for one.
    present = Scale.bare(stored, shown, nodata=nodata).known
    if present is not None and not fill:
        kept = ~present & ~np.asarray(subject.filled_in)
        found[kept] = scale.floats(stored[kept])
    psnr = solution.psnr_db if subject.known is None else None
    if psnr is None:
        psnr = psnr_of(found, subject.reference, subject.scale.known)
    return Denoised(**{**vars(solution), "image": arranged.array(found), "psnr_db": psnr, "plan": outcome.plan})


def _channel_by_channel(whole: Array, weight: Any, reference: npt.ArrayLike | None, channel_axis: int, told: dict[str, Any]) -> Denoised:
    """Every channel as it would be alone."""
    clean = None if reference is None else np.asarray(reference)
    if clean is not None and clean.shape != whole.shape:
        raise ValueError(f"the reference has shape {clean.shape}, the picture {whole.shape}: they must agree")
    parts = [
        denoise(
            np.take(whole, number, channel_axis), weight, channel_axis=None,
            reference=None if clean is None else np.take(clean, number, channel_axis), **told,
        )
        for number in range(whole.shape[channel_axis])
    ]  # fmt: skip
    joined = as_one(parts, np.stack([part.image for part in parts], axis=channel_axis))
    return replace(joined, psnr_db=pooled([part.psnr_db for part in parts]))


def _reference(reference: npt.ArrayLike, arranged: Arrangement) -> Array:
    clean = np.asarray(reference)
    if clean.shape != arranged.shape:
        raise ValueError(f"the reference has shape {clean.shape}, the picture {arranged.shape}: they must agree")
    clean = arranged.picture(as_scikit_image_has_it(clean) if arranged.like_scikit_image else clean)
    return Scale.of(clean).floats(clean, "float64")
