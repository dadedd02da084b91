"""Run a network with ONNX Runtime, on a processor or on whatever device it has a provider for."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["RuntimeEngine", "installed"]

Tensor = NDArray[np.float32]

#: What a device is called here, and which provider of ONNX Runtime computes on it.
PROVIDERS = {
    "cpu": "CPUExecutionProvider",
    "cuda": "CUDAExecutionProvider",
    "coreml": "CoreMLExecutionProvider",
    "directml": "DmlExecutionProvider",
    "openvino": "OpenVINOExecutionProvider",
    "rocm": "ROCMExecutionProvider",
    "tensorrt": "TensorrtExecutionProvider",
}


def installed() -> bool:
    """Whether ONNX Runtime is there, found out without the 0.15 s that importing it takes."""
    return importlib.util.find_spec("onnxruntime") is not None


class RuntimeEngine:
    """engine(picture, level) → clean, all (channels, height, width), float32, computed on `device` with `workers` threads (None: all).

    ValueError in one sentence if there is no such device here, or if the runtime cannot load the network.
    """

    def __init__(self, path: Path, device: str = "cpu", workers: int | None = None) -> None:
        import onnxruntime  # 0.15 s: only when a network runs

        name, _, index = device.partition(":")
        there = onnxruntime.get_available_providers()
        if name not in PROVIDERS or PROVIDERS[name] not in there or (index and not index.isdecimal()):
            words = ", ".join(word for word, provider in PROVIDERS.items() if provider in there)
            raise ValueError(
                f"device {device} is not there: this ONNX Runtime has {words}; name one of these, or install an ONNX Runtime that has it"
            )
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3  # Errors only: they come as exceptions, too.
        options.intra_op_num_threads = workers or 0
        # The arena keeps the largest tile's memory for the next tile: without it, a tile takes a third longer. A plan of the memory made
        # beforehand takes 291 bytes a pixel instead of 196, and is no faster (1448² pixels, colour).
        options.enable_mem_pattern = False
        provider: Any = (PROVIDERS[name], {"device_id": int(index)}) if index else PROVIDERS[name]
        try:
            self.session = onnxruntime.InferenceSession(str(path), options, providers=[provider])
        except Exception as error:  # The runtime's exceptions have no common class but this.
            raise ValueError(f"ONNX Runtime cannot load {path.name} ({str(error).splitlines()[0]}).") from error
        if self.session.get_providers()[0] != PROVIDERS[name]:
            raise ValueError(f"The device {device} did not start: ONNX Runtime fell back to {self.session.get_providers()[0]}.")

    def __call__(self, picture: Tensor, level: Tensor) -> Tensor:
        out: Tensor = self.session.run(["clean"], {"picture": picture[None], "level": level[None]})[0][0]
        return out
