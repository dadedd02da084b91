"""Read an ONNX file without the `onnx` package: its operators, its weights, and what goes in and comes out.

A file is one protocol buffer: a sequence of fields, each with a number, a wire type and a value.
Wire type 0 is an integer, 1 is eight bytes, 2 is counted bytes, 5 is four bytes. Only the fields that
a network of convolutions uses are read; their numbers are those of onnx.proto
(https://github.com/onnx/onnx/blob/main/onnx/onnx.proto).
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

__all__ = ["Model", "Node", "read_model"]

Attribute = int | float | str | list[int] | list[float]
#: A side that is not fixed in the file.
FREE = None
#: Numbers of the element types in onnx.proto, and how NumPy calls them (stored in the order of bytes of Intel's processors).
TYPES = {1: "<f4", 10: "<f2", 11: "<f8", 6: "<i4", 7: "<i8"}


@dataclass(frozen=True)
class Node:
    """One operator: its kind ("Conv"), the tensors that it reads, the tensors that it makes, and its settings."""

    operator: str
    inputs: list[str]
    outputs: list[str]
    attributes: dict[str, Attribute]


@dataclass(frozen=True)
class Model:
    """A network: operators in the order in which they run, weights by name, shapes of what goes in and comes out (`FREE`: any side)."""

    path: Path
    nodes: list[Node]
    weights: dict[str, NDArray[np.generic]]
    inputs: dict[str, list[int | None]] = field(default_factory=dict)
    outputs: dict[str, list[int | None]] = field(default_factory=dict)

    def weights_of(self, name: str) -> NDArray[np.generic]:
        """The weights called `name`, also if they go through a cast first; KeyError if there are none."""
        if name not in self.weights:
            name = next((node.inputs[0] for node in self.nodes if node.operator == "Cast" and node.outputs == [name]), name)
        return self.weights[name]


def read_model(path: Path) -> Model:
    """The network in `path`.

    ValueError in one sentence if the file is not ONNX, is damaged, or keeps its weights elsewhere;
    OSError if it is not there.
    """
    content = memoryview(path.read_bytes())
    try:
        graphs = fields(content).get(7, [])
        if not graphs:
            raise ValueError("no graph")
        graph = fields(buffer(graphs[-1]))
        nodes = [node(buffer(entry)) for entry in graph.get(1, [])]
        weights = dict(tensor(buffer(entry)) for entry in graph.get(5, []))
        shapes = [dict(described(buffer(entry)) for entry in graph.get(number, [])) for number in (11, 12)]
    except (ValueError, IndexError, struct.error, UnicodeDecodeError, KeyError) as error:
        raise ValueError(f"{path.name} is not a network in ONNX that can be read ({error}).") from error
    # Old files name the weights among the inputs, too.
    inputs = {name: shape for name, shape in shapes[0].items() if name not in weights}
    return Model(path, nodes, weights, inputs, shapes[1])


Value = int | memoryview


def fields(content: memoryview) -> dict[int, list[Value]]:
    """All values of one message, by the number of their field, in the order of the file."""
    found: dict[int, list[Value]] = {}
    at = 0
    while at < len(content):
        key, at = integer(content, at)
        number, wire = key >> 3, key & 7
        value: Value
        if wire == 0:
            value, at = integer(content, at)
        else:
            size = {1: 8, 5: 4}.get(wire, -1)
            if wire == 2:
                size, at = integer(content, at)
            if size < 0 or at + size > len(content):
                raise ValueError("cut off or damaged")
            value, at = content[at : at + size], at + size
        found.setdefault(number, []).append(value)
    return found


def integer(content: memoryview, at: int) -> tuple[int, int]:
    """A number of seven bits a byte, lowest first, and where it ends; negative ones are stored in two's complement of 64 bits."""
    value = 0
    for shift in range(0, 70, 7):
        byte = content[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return (value - (1 << 64) if value >> 63 else value), at
    raise ValueError("cut off or damaged")


def buffer(value: Value) -> memoryview:
    if isinstance(value, int):
        raise ValueError("a number where a message should be")
    return value


def text(values: list[Value]) -> str:
    return bytes(buffer(values[-1])).decode() if values else ""


def integers(values: list[Value]) -> list[int]:
    """Repeated integers: one a field, or many packed into one."""
    out: list[int] = []
    for value in values:
        if isinstance(value, int):
            out.append(value)
            continue
        at = 0
        while at < len(value):
            number, at = integer(value, at)
            out.append(number)
    return out


def node(content: memoryview) -> Node:
    found = fields(content)
    attributes = dict(attribute(buffer(entry)) for entry in found.get(5, []))
    names = [[text([value]) for value in found.get(number, [])] for number in (1, 2)]
    return Node(text(found.get(4, [])), names[0], names[1], attributes)


def attribute(content: memoryview) -> tuple[str, Attribute]:
    """Name and value. Its type (field 20) says where the value is; a type that no convolution has reads as the empty word."""
    found = fields(content)
    kinds: dict[int, Callable[[], Attribute]] = {
        1: lambda: float(struct.unpack("<f", buffer(found[2][-1]))[0]),
        2: lambda: integers(found.get(3, [0]))[-1],
        3: lambda: text(found.get(4, [])),
        6: lambda: [float(x) for value in found.get(7, []) for x in np.frombuffer(buffer(value), "<f4")],
        7: lambda: integers(found.get(8, [])),
    }
    kind = integers(found.get(20, [0]))[-1]
    return text(found.get(1, [])), kinds[kind]() if kind in kinds else ""


def tensor(content: memoryview) -> tuple[str, NDArray[np.generic]]:
    found = fields(content)
    name, shape, kind = text(found.get(8, [])), integers(found.get(1, [])), integers(found.get(2, [0]))[-1]
    if found.get(13):
        raise ValueError(f"the weights {name} are in another file")
    if kind not in TYPES:
        raise ValueError(f"the weights {name} are of a type that is not read")
    if 9 in found:
        return name, np.frombuffer(buffer(found[9][-1]), TYPES[kind]).reshape(shape)
    if kind == 1:
        values = b"".join(struct.pack("<f", v) if isinstance(v, int) else bytes(v) for v in found.get(4, []))
        return name, np.frombuffer(values, "<f4").reshape(shape)
    whole = integers(found.get({6: 5, 7: 7, 10: 5}.get(kind, 0), []))
    if kind == 10:  # A half is stored as the integer with the same bits.
        return name, np.array(whole, np.uint16).view(np.float16).reshape(shape)
    return name, np.array(whole, TYPES[kind]).reshape(shape)


def described(content: memoryview) -> tuple[str, list[int | None]]:
    """Name and shape of an input or output: ValueInfo → type → tensor type → shape → dimensions."""
    found = fields(content)
    kind = fields(buffer(found[2][-1])) if 2 in found else {}
    of_tensor = fields(buffer(kind[1][-1])) if 1 in kind else {}
    shape = fields(buffer(of_tensor[2][-1])) if 2 in of_tensor else {}
    sides = [fields(buffer(entry)).get(1, [0]) for entry in shape.get(1, [])]
    return text(found.get(1, [])), [integers(side)[-1] or FREE for side in sides]
