"""Networks for the tests: the shipped ones, and small ones that are written here, byte by byte, without the `onnx` package."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

Field = tuple[int, "int | bytes"]


def message(*fields: Field) -> bytes:
    """A protocol buffer message of fields (number, integer or bytes)."""
    out = b""
    for number, value in fields:
        if isinstance(value, int):
            out += varint(number << 3) + varint(value)
        else:
            out += varint(number << 3 | 2) + varint(len(value)) + value
    return out


def varint(value: int) -> bytes:
    out = b""
    while value >= 0x80:
        out, value = out + bytes([value & 0x7F | 0x80]), value >> 7
    return out + bytes([value])


def side(length: int | str) -> bytes:
    return message((1, length) if isinstance(length, int) else (2, length.encode()))


def described(name: str, shape: list[int | str]) -> bytes:
    tensor = message((1, 1), (2, message(*[(1, side(length)) for length in shape])))
    return message((1, name.encode()), (2, message((1, tensor))))


def node(operator: str, inputs: list[str], output: str, **settings: list[int]) -> bytes:
    attributes = [(5, message((1, name.encode()), *[(8, value) for value in values], (20, 7))) for name, values in settings.items()]
    return message(*[(1, name.encode()) for name in inputs], (2, output.encode()), (4, operator.encode()), *attributes)


@pytest.fixture
def network(tmp_path: Path) -> Callable[..., Path]:
    """A file with the network clean = picture − convolution(picture, weights of 3 × 3), or with another signature."""

    def write(
        inputs: tuple[str, ...] = ("picture", "level"),
        outputs: tuple[str, ...] = ("clean",),
        channels: int = 1,
        sides: tuple[int | str, int | str] = ("height", "width"),
        operator: str = "Relu",
    ) -> Path:
        weights = np.random.default_rng(1).normal(0, 0.1, (channels, channels, 3, 3)).astype(np.float32)
        stored = message(*[(1, length) for length in weights.shape], (2, 1), (8, b"weights"), (9, weights.tobytes()))
        nodes = [
            node("Conv", [inputs[0], "weights"], "smooth", pads=[1, 1, 1, 1], strides=[1, 1]),
            node(operator, ["smooth"], "positive"),
            node("Sub", [inputs[0], "positive"], outputs[0]),
        ]
        shape: list[int | str] = [1, channels, *sides]
        graph = message(
            *[(1, part) for part in nodes],
            (2, b"test"),
            (5, stored),
            *[(11, described(name, shape)) for name in inputs],
            *[(12, described(name, shape)) for name in outputs],
        )
        path = tmp_path / "network.onnx"
        path.write_bytes(message((1, 8), (8, message((2, 17))), (7, graph)))
        return path

    return write
