"""What each method takes, and what it does when it is not told."""

from __future__ import annotations

import math
import operator
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt

from denoise_cli.variational.fidelities import FIDELITIES, Fidelity
from denoise_cli.variational.operators import BOUNDARIES
from denoise_cli.variational.regularisers import CHANNELS, TV

__all__ = ["METHODS", "check_options"]

#: What each method takes, and what it does when it is not told; anything else that it is asked for is refused.
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
#: `matlab` is the original: these it has, and no others.
FIXED_IN_MATLAB = ("boundary", "tv", "channels")
#: What can be reached: rounding moves the bound (and, under L1, where every pixel is a vertex or none, the picture) by about as much.
SMALLEST_GAP = {("float32", "l2"): 2e-6, ("float32", "l1"): 1e-4, ("float64", "l2"): 1e-12, ("float64", "l1"): 1e-12}


def check_options(
    method: str, fidelity: str | Fidelity | type[Fidelity], dtype: npt.DTypeLike, workers: int | None, **told: Any
) -> dict[str, Any]:
    """The options of a method: those that were told (not None), and its defaults for the others.

    Raises ValueError, its message beginning with the option's name, for what the method does not have and for values out of range.
    """
    precision = np.dtype(dtype).name
    if isinstance(fidelity, str) and fidelity not in FIDELITIES:
        raise ValueError(f"fidelity must be one of {', '.join(FIDELITIES)}, not {fidelity!r}")
    if not isinstance(fidelity, str) and method == "matlab":
        raise ValueError("fidelity of your own has no meaning for method matlab, which knows l1 and l2; use method optimal")
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
        # What a fidelity of one's own has is taken for L1's, which asks for more room.
        name = fidelity if isinstance(fidelity, str) else "l1"
        smallest, ever = SMALLEST_GAP[precision, name], SMALLEST_GAP["float64", name]
        if not smallest <= options["gap"] < math.inf:
            way_out = "; use dtype float64" if ever <= options["gap"] < smallest else ""
            raise ValueError(f"gap must be at least {smallest:g} in {precision}, not {options['gap']:g}{way_out}")
    return options


def _refusal(method: str, name: str) -> str:
    if name in ("alpha", "beta"):
        return f"{name} has no meaning for method {method}, which chooses its own penalties; use method matlab, or leave it out"
    return f"{name} has no meaning for method {method}, which has none to choose; use method optimal, or leave it out"
