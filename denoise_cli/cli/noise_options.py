"""How noise is typed, for the commands that add it: `add-noise` and `benchmark`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from denoise_cli.cli.shared_options import declared
from denoise_cli.errors import UsageError
from denoise_cli.typed_words import number

if TYPE_CHECKING:
    from denoise_cli.noise.synthetic import AddedNoise

__all__ = ["Gaussian", "Poisson", "RandomImpulse", "SaltPepper", "Seed", "Speckle", "WholePixels", "amount", "noise_of"]


def amount(text: str) -> float:
    """A number, or a fraction as it is typed: 0.1, 25/255."""
    try:
        return number(text, "amount")
    except UsageError:
        raise typer.BadParameter(f"{text!r} is no number; write 0.1 or 25/255") from None


def _amount(help: str, *names: str, metavar: str) -> Any:
    return declared(f"{help} [default: none]", *names, metavar=metavar, parser=amount)


Gaussian = Annotated[float | None, _amount("f + σ·n; pixels count from 0 to 1.", metavar="SIGMA")]
SaltPepper = Annotated[float | None, _amount("Fraction of samples that turn white or black.", metavar="P")]
RandomImpulse = Annotated[float | None, _amount("Fraction of samples that turn anything in between.", metavar="P")]
Poisson = Annotated[float | None, _amount("Photon noise: Poisson(f·PEAK)/PEAK.", metavar="PEAK")]
Speckle = Annotated[float | None, _amount("f·(1 + S·n).", metavar="S")]
WholePixels = Annotated[bool, declared("Impulses hit all channels at once. [default: each by itself]", "--whole-pixels")]
Seed = Annotated[int, declared("Another seed is other noise; the same one is the same noise.", metavar="N", min=0)]


def noise_of(**amounts: Any) -> AddedNoise:
    """The AddedNoise that was asked for. Raises UsageError for none, and for amounts out of range."""
    from denoise_cli.noise.synthetic import AddedNoise

    try:
        noise = AddedNoise(**amounts)
    except ValueError as error:
        raise UsageError(f"--{error}") from error
    if not noise.given:
        raise UsageError("no noise given: say --gaussian 25/255, --salt-pepper 0.1, --random-impulse 0.1, --poisson 100 or --speckle 0.2")
    if noise.whole_pixels and not noise.impulses:
        raise UsageError("--whole-pixels says how impulses fall: give --salt-pepper or --random-impulse with it")
    return noise
