"""What a picture's noise is: the record that an estimate returns."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Noise"]


@dataclass(frozen=True)
class Noise:
    """The noise of one picture. Levels are in typed units (`denoise_cli.measure.scale.Scale`).

    model: "none", "gaussian", "poisson" (its variance grows with brightness) or "impulses".  sigma: standard deviation of the noise that is
    not impulses, root mean square over channels; where it grows with brightness, at the mean brightness.  sigmas: one a channel.
    impulses = salt_pepper + random_valued: shares of the pixels, 0–1.  gain, read_noise, black:
    variance = gain·(brightness − black) + read_noise²; gain is 0 for uniform noise. `black` is the dark end of the picture, so that
    read_noise is the noise there.  evidence: why, in one line.
    """

    model: str
    sigma: float
    sigmas: tuple[float, ...]
    impulses: float
    salt_pepper: float
    random_valued: float
    gain: float
    read_noise: float
    evidence: str
    black: float = 0.0

    @classmethod
    def none(cls, channels: int, why: str) -> Noise:
        """No noise, and the reason why none can be told."""
        return cls("none", 0.0, (0.0,) * channels, 0.0, 0.0, 0.0, 0.0, 0.0, why)

    @classmethod
    def told(cls, sigmas: tuple[float, ...]) -> Noise:
        """White Gaussian noise whose standard deviation, one a channel, is known."""
        sigma = (sum(level**2 for level in sigmas) / len(sigmas)) ** 0.5
        return cls("gaussian", sigma, sigmas, 0.0, 0.0, 0.0, 0.0, sigma, "sigma was told")
