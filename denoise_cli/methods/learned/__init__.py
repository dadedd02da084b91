"""The learned method: a small network, trained on free photographs (training/), run by ONNX Runtime or by NumPy."""

from denoise_cli.methods.learned.network import restore

__all__ = ["restore"]
