"""What a network needs of a picture: channels, sides that are a multiple of something, and how far around a pixel it looks."""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from typing import cast

from denoise_cli.methods.learned.onnx_file import Model, Node

__all__ = ["Geometry", "geometry", "numbers"]

#: Operators that work on each place by itself, so that they change neither the lattice nor the reach.
POINTWISE = {
    "Abs",
    "Add",
    "BatchNormalization",
    "Cast",
    "Clip",
    "Concat",
    "Div",
    "Elu",
    "Exp",
    "Gelu",
    "HardSigmoid",
    "HardSwish",
    "Identity",
    "LeakyRelu",
    "Mul",
    "Neg",
    "PRelu",
    "Relu",
    "Sigmoid",
    "Sqrt",
    "Sub",
    "Tanh",
}


@dataclass(frozen=True)
class Geometry:
    """`channels` of the picture; both sides a multiple of `multiple`; a result depends on pixels at most `reach` away.

    `reach` is None if an operator looks at the whole picture, or is not known here: then the picture cannot be cut into tiles.
    """

    channels: int
    multiple: int
    reach: int | None


def geometry(model: Model) -> Geometry:
    """The geometry of a network with the signature of `--method learned`; ValueError in one sentence if it has another signature.

    Two inputs, `picture` and `level`, one output, `clean`, all of the shape (1, channels, height, width), the sides free.
    """
    for names, wanted in ((model.inputs, ("picture", "level")), (model.outputs, ("clean",))):
        if set(names) != set(wanted):
            what = "inputs" if names is model.inputs else "outputs"
            raise ValueError(f"{model.path.name} has the {what} {said(names)}; a network for this method has {said(wanted)}.")
    shapes = {name: shape for part in (model.inputs, model.outputs) for name, shape in part.items()}
    channels = shapes["picture"][1] if len(shapes["picture"]) == 4 else None
    for name, shape in shapes.items():
        if len(shape) != 4 or shape[0] not in (None, 1) or not shape[1] or shape[1] != channels or shape[2:] != [None, None]:
            drawn = " × ".join("any" if side is None else str(side) for side in shape)
            raise ValueError(f"{model.path.name}: `{name}` is {drawn}; it should be 1 × channels × any height × any width, alike for all.")
    assert channels is not None
    scales, reach = walk(model)
    multiple = math.lcm(*(scale.numerator for scale in scales))
    return Geometry(channels, multiple, None if reach is None else math.ceil(reach))


def said(names: object) -> str:
    words = sorted(names)  # type: ignore[call-overload]
    return ", ".join(f"`{word}`" for word in words) or "none"


def numbers(node: Node, name: str, default: list[int]) -> list[int]:
    value = node.attributes.get(name)
    return cast("list[int]", value) if value else default


def walk(model: Model) -> tuple[set[Fraction], Fraction | None]:
    """All spacings of lattices in the network, and the farthest that its result looks; spacing and reach in pixels of the picture.

    A tensor on a lattice of spacing s that looks r far looks r + s·(k − 1) far after a convolution of k places. This holds whichever way
    the kernel is laid over the lattice, hence for every padding and stride; the truth is often half of it, and is used where it is known.
    """
    known = {"picture": (Fraction(1), Fraction(0)), "level": (Fraction(1), Fraction(0))}
    scales, complete = {Fraction(1)}, True
    for node in model.nodes:
        sources = [known[name] for name in node.inputs if name in known]
        if not sources:
            continue
        scale, reach = max(s for s, _ in sources), max(r for _, r in sources)
        if node.operator in ("Conv", "ConvTranspose"):
            rows, columns = (int(side) for side in model.weights_of(node.inputs[1]).shape[2:])
            stride, dilation = max(numbers(node, "strides", [1, 1])), max(numbers(node, "dilations", [1, 1]))
            taps = (max(rows, columns) - 1) * dilation
            if node.operator == "ConvTranspose":
                scale /= stride
                reach += scale * taps
            else:
                centred = stride == 1 and numbers(node, "pads", [0] * 4) == [(rows - 1) * dilation // 2, (columns - 1) * dilation // 2] * 2
                reach += scale * (Fraction(taps, 2) if centred else taps)
                scale *= stride
        elif node.operator in ("SpaceToDepth", "DepthToSpace"):
            block = int(cast("int", node.attributes["blocksize"]))
            if node.operator == "SpaceToDepth":
                reach += scale * (block - 1)
                scale *= block
            else:
                scale /= block
                reach += scale * (block - 1)
        elif node.operator not in POINTWISE:
            complete = False
        scales.add(scale)
        known.update((name, (scale, reach)) for name in node.outputs)
    return scales, known["clean"][1] if complete and "clean" in known else None
