"""`--method learned`: a small network trained on free photographs, told how strong the noise of the page is."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from denoise_cli.measure.scale import Scale
from denoise_cli.methods.learned.flat_ends import SIDE, WIDE, keep_flat_ends
from denoise_cli.methods.learned.mirrored import mirrored
from denoise_cli.methods.learned.tiles import BYTES_PER_PIXEL, LARGEST_PIXELS
from denoise_cli.methods.method import Method, Plan, Subject, Watch
from denoise_cli.noise.opponent_colours import WEIGHTS
from denoise_cli.variational import Solution, Status

if TYPE_CHECKING:
    from denoise_cli.noise.model import Noise
    from denoise_cli.settings import Settings

__all__ = ["Learned"]

#: Luma of red, green and blue, in which cameras, JPEG and eyes tell brightness from colour.
LUMA = np.array(WEIGHTS, np.float32)
#: Noise is looked at in luma if it is so many times as strong in the differences of the channels as in their mean. Luma is restored by
#: itself if it has less than CALM of the σ of the channels (independent channels: 0.67): the colour network takes equal levels for
#: independent channels, and would smooth luma as if it had 0.67 of them.
COLOURED, CALM = 1.4, 0.4
#: The largest --strength that the network can follow: told 1.25 times the level it removes more than told the level (camera_gaussian.png
#: 0.0911 instead of 0.0894, coffee_gaussian.png 0.0918 instead of 0.0886), told 1.5 times no more in grey (0.0904), and told 3 times it
#: leaves noise (0.0832, 0.0618).
STRONGEST = 1.25


class Learned(Method):
    """A network restores the page: the best picture of most photographs, without a λ and without a certificate.

    The network is told the standard deviation of the noise at each pixel: what the noise model found, or --sigma. A --strength above 1
    multiplies that (STRONGEST at most); one below 1 is the share of what is removed that goes, because a level that is too small is taken
    for one that is not known. The network was trained on photographs with black at 0 and white at 1, so the page is shifted and scaled to
    that; k·page + c gives k·result + c.
    Areas that are black or white all over stay what they are (`flat_ends`). Pixels without a value mirror the known ones beside them while
    it runs. Where they are to be filled in (--mask, --weights, --fill), for impulses and for --l1 it takes the place of the shrinkage in
    split Bregman (`in_the_loop`). The slices of a volume have one noise estimate, and are restored one by one. docs/learned.md is its
    model card.
    """

    name: ClassVar[str] = "learned"
    summary: ClassVar[str] = "a small network trained on photographs, told the noise"
    is_automatic: ClassVar[bool] = True
    takes_volumes: ClassVar[bool] = True
    options: ClassVar[Mapping[str, Any]] = {
        "fidelity": None, "sigma": None, "strength": 1.0, "device": "cpu", "model": None, "self_ensemble": 1, "weights": None, "mask": None,
    }  # fmt: skip

    def check(self, settings: Settings) -> None:
        super().check(settings)
        if settings.fidelity == "l1" and (settings.sigma is not None or settings.strength is not None):
            raise ValueError("fidelity l1 is for impulses, which have no σ: leave --sigma and --strength out")
        if settings.sigma is not None and not 0 < settings.sigma < math.inf:
            raise ValueError(f"sigma must be positive and finite, not {settings.sigma:g}; leave it out to have it estimated")

    def plan(self, subject: Subject, settings: Settings) -> Plan:
        from denoise_cli.methods.learned.in_the_loop import loop_for
        from denoise_cli.methods.learned.told_level import MEASURED, believed
        from denoise_cli.noise.estimate import estimate
        from denoise_cli.noise.model import Noise

        channels = subject.stored.shape[2] if subject.stored.ndim == 3 else 1
        if settings.sigma is not None:
            noise, about = Noise.told((settings.sigma,) * channels), "="
        else:
            noise, about = subject.noise or estimate(subject.stored, subject.scale), "≈"
        copies = settings.self_ensemble or 1
        if (loop := loop_for(subject, settings, noise)) is not None:
            if copies > 1:
                raise ValueError("--self-ensemble is for noise alone; with a mask, weights, --fill, --l1 or impulses leave it out")
            return replace(
                super().plan(subject, settings), fidelity=settings.fidelity, noise=noise, sigma=loop.sigma or None, sentence=loop.sentence,
                details={"loop": loop},
            )  # fmt: skip
        times, found = 1.0, noise
        if settings.sigma is None and settings.model is None and noise.model in MEASURED:
            noise, times = believed(subject, noise, device=settings.device or "cpu", workers=settings.workers)
        calm = _luma_share(subject, noise) if settings.sigma is None and settings.model is None else None
        strength = 1.0 if settings.strength is None else min(settings.strength, STRONGEST)
        kind = noise.called or (noise.spectrum.clumped if noise.spectrum is not None else KINDS.get(noise.model, "Gaussian noise"))
        stronger = "" if strength == 1 else f", times the strength {strength:g}" + ", the most here" * (settings.strength != strength)
        sentence = f"{kind}, σ {about} {subject.scale.amount(noise.sigma)}{stronger} → network"
        if (said := f"{times:.2g}") != "1":
            sentence += f", told {said} times that" if times else ", told no level"
        if calm is not None:
            sentence += ", luma by itself"
        if copies > 1:
            sentence += f", mean of {copies} runs"
        if subject.volume is not None:
            sentence += ", slice by slice"
        return replace(
            super().plan(subject, settings),
            noise=noise,
            sigma=noise.sigma,
            sentence=sentence,
            details={"times": times, "doubts": times < 1 or noise is not found, "luma": calm},
        )

    def run(self, subject: Subject, plan: Plan, watch: Watch | None = None, **details: Any) -> Solution:  # noqa: ARG002
        from denoise_cli.methods.learned.slices import restore_slices, slices_of

        if (loop := plan.details.get("loop")) is not None:
            return Solution(image=loop.run(subject, plan.settings), iterations=0, cost=math.nan, status=Status.DONE)
        settings, scale, noise = plan.settings, subject.scale, plan.noise
        assert noise is not None
        strength = 1.0 if settings.strength is None else settings.strength
        stronger = min(max(strength, 1.0), STRONGEST)
        times = np.float32(stronger * plan.details.get("times", 1.0))
        told: dict[str, Any] = {
            "model": settings.model, "device": settings.device or "cpu", "workers": settings.workers, "volume": subject.volume,
            "copies": settings.self_ensemble or 1,
        }  # fmt: skip
        pixels = mirrored(subject.pixels, scale.known)
        image = restore_slices(pixels, lambda piece: times * noise.level_map(piece), black=scale.bottom, **told)
        if (share := plan.details.get("luma")) is not None:
            luma = restore_slices(pixels @ LUMA.astype(pixels.dtype), stronger * share * noise.sigma, black=scale.bottom, **told)
            image += (luma - image @ LUMA.astype(image.dtype))[:, :, None]
        for piece in slices_of(len(pixels), subject.volume):
            keep_flat_ends(image[piece], pixels[piece], scale, SIDE if noise.model in ("gaussian", "none") else WIDE)
        if strength < 1:
            image = pixels + image.dtype.type(strength) * (image - pixels)
        return Solution(image=image, iterations=0, cost=math.nan, status=Status.DONE)

    def reach(self, settings: Settings, channels: int) -> int | None:
        from denoise_cli.methods.learned.network import reach_of

        return reach_of(settings.model, channels)

    def pictures_in_memory(self, fidelity: str) -> float:  # noqa: ARG002
        return 8.0  # python -m benchmarks memory

    def bytes_beside(self, pixels: int) -> int:
        return BYTES_PER_PIXEL * min(pixels, LARGEST_PIXELS)


def _luma_share(subject: Subject, noise: Noise) -> float | None:
    """σ in luma over that of the channels, where luma has so much less of it that it is better restored by itself; else None."""
    if noise.luma is None or noise.chroma is None or noise.chroma < COLOURED * noise.luma or subject.stored.ndim != 3:
        return None
    from denoise_cli.noise.estimate import estimate

    luma = subject.pixels @ LUMA
    share = estimate(luma, Scale.of(luma, subject.known)).sigma / noise.sigma
    return share if 0 < share < CALM else None


KINDS = {
    "none": "hardly any noise", "poisson": "noise that grows with brightness", "impulses": "impulse noise", "coloured": "noise in clumps",
}  # fmt: skip
