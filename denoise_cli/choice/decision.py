"""What the automatic mode does to a picture, and why, as a record."""

from __future__ import annotations

from dataclasses import dataclass, field

from denoise_cli.noise.model import Noise

__all__ = ["Choice"]


KINDS = {"poisson": "noise that grows with brightness", "impulses": "impulse noise", "coloured": "noise in clumps"}


@dataclass(frozen=True)
class Choice:
    """What the automatic mode does to a picture, and why.

    fidelity, weight: F and λ > 0 of the model, for `denoise(..., method="optimal")` of the picture in typed units.  sigma: the standard
    deviation of the Gaussian noise that was assumed, root mean square over the channels, in typed units; None where impulses decided.
    noise: what was estimated.  given: True if sigma was told, not estimated.  risks: (λ, estimated mean squared error) of what was tried.
    stabilised: weight is for the picture after a variance-stabilising transform.  amount: sigma in words and in the units of the file.
    strength: what the λ of least estimated error was multiplied by to get weight.
    opponent: λ of luma and of chroma, where two of them have a smaller estimated error, or luma would pay for the noise in chroma: run
    `choice.opponent.denoise_opponent(pixels, choice.opponent, choice.noise.basis)` in place of `denoise(pixels, choice.weight, …)`.
    None where one λ for all is as good, or two were not asked for.
    """

    fidelity: str
    weight: float
    noise: Noise
    sigma: float | None = None
    given: bool = False
    risks: tuple[tuple[float, float], ...] = field(default=(), repr=False)
    stabilised: bool = False
    amount: str = ""
    strength: float = 1.0
    opponent: tuple[float, float] | None = None

    @property
    def sentence(self) -> str:
        """ "Gaussian noise, σ ≈ 0.041 (10.4/255) → λ 0.058, L2": what was assumed, and what follows."""
        times = "" if self.strength == 1 else f" ({self.strength:g} times the best guess)"
        weight = f"{self.weight:.3g}"
        if self.opponent is not None:
            weight = f"{self.opponent[0]:.3g} in luma and {self.opponent[1]:.3g} in chroma"
        return f"{self.assumed} → λ {weight}{times}, {self.fidelity.upper()}"

    @property
    def assumed(self) -> str:
        """What was assumed, with its level where it has one."""
        return f"{self.kind}, σ {'=' if self.given else '≈'} {self.level}" if self.level else self.kind

    @property
    def level(self) -> str:
        """ "0.041 (10.4/255)": σ in words; empty where another number decided."""
        return "" if self.sigma is None or self.stabilised else self.amount or f"{self.sigma:.3g}"

    @property
    def kind(self) -> str:
        """The kind of noise that was assumed."""
        noise = self.noise
        if self.sigma is None:
            kind = "salt and pepper" if noise.salt_pepper >= noise.random_valued else "random values"
            return f"impulse noise, {100 * noise.impulses:.3g} % {kind}"
        if self.stabilised:
            return f"noise of variance {noise.growth}, stabilised"
        model = KINDS.get(noise.model, "Gaussian noise")
        if self.given:
            model = "Gaussian noise"
        elif noise.model == "none":
            model = "hardly any noise"
        elif noise.before_jpeg is not None:
            model = "white noise that became JPEG"
        elif noise.model == "coloured":
            model = "noise in clumps" if noise.spectrum is None else noise.spectrum.clumped
        return model
