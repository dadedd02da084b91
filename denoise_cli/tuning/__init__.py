"""What the picture itself tells: its noise, and from that how strongly to denoise. Arrays in, numbers out."""

from denoise_cli.tuning.choice import Choice, choose
from denoise_cli.tuning.noise import Noise, estimate
from denoise_cli.tuning.residual import whiteness
from denoise_cli.tuning.stabilise import Stabiliser

__all__ = ["Choice", "Noise", "Stabiliser", "choose", "estimate", "whiteness"]
