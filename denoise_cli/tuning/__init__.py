"""What the picture itself tells: its noise, and from that how strongly to denoise. Arrays in, numbers out."""

from denoise_cli.tuning.noise import Noise, estimate
from denoise_cli.tuning.stabilise import Stabiliser

__all__ = ["Noise", "Stabiliser", "estimate"]
