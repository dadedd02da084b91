"""Who takes part in `denoise benchmark`: our methods, the best λ in hindsight, and denoisers of other packages."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from denoise_cli.errors import UsageError
from denoise_cli.measure.metrics import rmse
from denoise_cli.methods.peers import PEERS
from denoise_cli.methods.registry import find, known_names
from denoise_cli.pipeline.plan import carry_out
from denoise_cli.settings import Settings
from denoise_cli.typed_words import number
from denoise_cli.variational import Solution, denoise

if TYPE_CHECKING:
    from denoise_cli.methods.method import Subject
    from denoise_cli.noise.synthetic import AddedNoise

__all__ = ["Contest", "Contestant", "Trial", "contestant_of"]

# L2: λ = 1.4 σ, README's rule, times √channels, as noise makes gradients over coupled channels that much longer; L1: λ = 1.
RULE, RULE_L1 = 1.4, 1.0
#: The oracle looks for λ from a sixth to six times the rule, until it knows log λ to this.
REACH, LOG_TOLERANCE = 6.0, 0.02


@dataclass(frozen=True)
class Contest:
    """What is the same for all methods of ours."""

    noise: AddedNoise
    fidelity: str
    workers: int | None

    def solve(self, noisy: Any, weight: float, method: str = "optimal", fidelity: str | None = None) -> Solution:
        return denoise(
            noisy, weight, method=method, fidelity=fidelity or self.fidelity, dtype="float32", workers=self.workers, records=False
        )  # fmt: skip

    def rule(self, trial: Trial) -> float:
        return RULE_L1 if self.fidelity == "l1" else RULE * trial.sigma * math.sqrt(trial.channels)


@dataclass(frozen=True)
class Trial:
    """A page with noise: what a method may know, and (for an oracle) the clean one."""

    name: str
    page: int
    clean: Any
    noisy: Any
    sigma: float
    data_range: float
    subject: Subject

    @property
    def channels(self) -> int:
        return self.clean.shape[2] if self.clean.ndim == 3 else 1


# trial → picture, λ if there is one, and the seconds it took where not all of the time counts
Attempt = Callable[[Trial], tuple[Any, float | None, float | None]]


@dataclass(frozen=True)
class Contestant:
    """A row of the table. `missing`: why it cannot take part, and the way out."""

    name: str
    setting: str
    attempt: Attempt
    missing: str = ""
    colours: tuple[int, ...] | None = field(default=None)


def contestant_of(word: str, contest: Contest) -> Contestant:
    """`optimal:0.1`, `matlab:1.4s`, `learned:mine.onnx`, `nl-means` → a Contestant. Raises UsageError."""

    name, colon, strength = (part.strip() for part in word.partition(":"))
    fidelity = contest.fidelity.upper()
    if colon and name in known_names() and "model" in find(name).options:
        return _with_model(word.strip(), name, Path(strength), contest)
    if colon and name not in ("matlab", "optimal"):
        raise UsageError(f"--methods {word.strip()}: only matlab and optimal take a λ")
    if name in ("matlab", "optimal"):
        text, relative = (strength[:-1], True) if strength[-1:] in ("s", "σ") and colon else (strength, False)
        try:
            weight = number(text, "methods") if colon else None
        except UsageError:
            raise UsageError(f"--methods {word.strip()}: {text!r} is no number; a multiple of σ ends in s: 1.4s") from None
        if weight is not None and not 0 < weight < math.inf:
            raise UsageError(f"--methods {word.strip()}: λ must be positive and finite, not {weight:g}")
        if weight is None:
            said = f"λ {RULE_L1:g}" if contest.fidelity == "l1" else f"λ {RULE:g} σ √channels"
        else:
            said = f"λ {weight:g} σ" if relative else f"λ {weight:g}"
        return Contestant(word.strip(), f"{fidelity}, {said}", partial(_ours, contest, name, weight, relative))
    if name == "noisy":
        return Contestant(name, "", lambda trial: (trial.noisy, None, None))
    if name == "auto":
        return Contestant(name, "what denoise does by itself", partial(_by_itself, contest, None))
    if name == "oracle":
        return Contestant(name, f"{fidelity}, optimal, best λ for each", partial(_oracle, contest))
    if name in known_names():
        return Contestant(name, find(name).summary, partial(_by_itself, contest, name))
    if name in PEERS:
        peer = PEERS[name]
        missing = f"it needs {' and '.join(peer.missing)}: pip install {' '.join(peer.missing)}" if peer.missing else ""
        return Contestant(name, peer.setting, lambda trial: (peer.denoise(trial.noisy, trial.sigma), None, None), missing, (1, 3))
    raise UsageError(f"--methods {word.strip()}: unknown; choose from noisy, auto, oracle, {', '.join([*known_names(), *PEERS])}")


def _with_model(word: str, name: str, model: Path, contest: Contest) -> Contestant:
    """A method that runs networks, with somebody's own."""
    if not model.is_file():
        raise UsageError(f"--methods {word}: {model} is no file; name a network in ONNX after the colon, such as {name}:mine.onnx")
    return Contestant(word, f"network {model.name}", partial(_by_itself, contest, name, model=model))


def _ours(contest: Contest, method: str, weight: float | None, relative: bool, trial: Trial) -> tuple[Any, float, None]:
    strength = contest.rule(trial) if weight is None else weight * trial.sigma if relative else weight
    return contest.solve(trial.noisy, strength, method).image, strength, None


def _by_itself(contest: Contest, method: str | None, trial: Trial, *, model: Path | None = None) -> tuple[Any, float | None, None]:
    """What `denoise PICTURE` would do, or `denoise PICTURE --method METHOD`."""

    done = carry_out(trial.subject, Settings(method=method, model=model, workers=contest.workers))
    return done.solution.image, done.plan.weight, None


def _oracle(contest: Contest, trial: Trial) -> tuple[Any, float, float]:
    """The λ of the highest PSNR, to 2 %, by Brent's search from a sixth to six times the rule; its seconds are those of one solve."""
    from scipy.optimize import minimize_scalar

    start = math.log(contest.rule(trial))
    found = minimize_scalar(
        lambda log_weight: rmse(contest.solve(trial.noisy, math.exp(log_weight)).image, trial.clean),
        bounds=(start - math.log(REACH), start + math.log(REACH)), method="bounded", options={"xatol": LOG_TOLERANCE},
    )  # fmt: skip
    weight, began = math.exp(found.x), time.perf_counter()
    picture = contest.solve(trial.noisy, weight).image
    return picture, weight, time.perf_counter() - began
