"""What the picture itself tells: its noise, and from that how strongly to denoise. Arrays in, numbers out."""

from denoise_cli.tuning.choice import Choice, choose
from denoise_cli.tuning.noise import Noise, estimate
from denoise_cli.tuning.residual import whiteness

__all__ = ["Choice", "Noise", "choose", "estimate", "whiteness"]
