"""The λ of least estimated risk: three tries around a start, more where the least is at an end, then a parabola."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

__all__ = ["least"]

#: Risks that are estimated at most.
MOST_TRIES = 9


def least(risk: Callable[[float], float], start: float, step: float, tried: dict[float, float]) -> float:
    """The λ where `risk` is least, by a parabola in log λ through the best three of a grid with `step` in log λ about `start`.

    tried : filled with λ → risk.
    """

    def at(place: float) -> None:
        tried[math.exp(place)] = risk(math.exp(place))

    middle = math.log(start)
    for place in (middle, middle - step, middle + step):
        at(place)
    while True:
        weights = sorted(tried)
        places, risks = [math.log(weight) for weight in weights], [tried[weight] for weight in weights]
        best = int(np.argmin(risks))
        if best in (0, len(places) - 1):
            if len(places) >= MOST_TRIES:
                return weights[best]
            at(places[best] + (step if best else -step))
            continue
        near = slice(best - 1, best + 2)
        a, b, _ = np.polyfit(np.array(places[near]) - places[best], np.array(risks[near]) - risks[best], 2)
        return math.exp(float(np.clip(places[best] - b / (2 * a) if a > 0 else places[best], places[best - 1], places[best + 1])))
