"""What the picture itself tells: its noise, and from that how strongly to denoise. Arrays in, numbers out."""

from denoise_cli.tuning.noise import Noise, estimate

__all__ = ["Noise", "estimate"]
