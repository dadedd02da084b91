"""Run a network with NumPy alone: the readable reference, and what is used where ONNX Runtime has no wheel.

Tensors are (channels, height, width), float32, one picture at a time. A convolution is a product of matrices: its weights, times the
patches of the picture laid out as columns ("im2col"), a strip of rows at a time, so that the columns stay in the cache.

Strips are spread over threads if `threadpoolctl` is installed, which keeps the matrix library from using
threads of its own: those meet after every product, and wait for each other by spinning. On a machine with
other work that took 6 to 12 s for 512² pixels in colour, where one thread takes 0.6 s.
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import cast

import numpy as np
from numpy.typing import NDArray

from denoise_cli.methods.learned.geometry import numbers
from denoise_cli.methods.learned.onnx_file import Model, Node

__all__ = ["NumpyEngine"]

Tensor = NDArray[np.float32]
#: spread(work, firsts) calls work(first) for every one of `firsts`, in any order.
Spread = Callable[[Callable[[int], None], range], None]

#: Bytes of the columns of one strip. On 512² pixels in colour, 1/4, 1/2, 1, 2 MiB take 0.75, 0.73, 0.64, 0.62 s of one core.
STRIP_BYTES = 1 << 21


class NumpyEngine:
    """engine(picture, level) → clean, all (channels, height, width).

    ValueError in one sentence, when it is made, if the network has an operator that is not below: such a one needs ONNX Runtime.
    """

    def __init__(self, model: Model, workers: int | None = None) -> None:
        self.workers = workers or os.cpu_count() or 1
        #: Weights as float32, casts done; and after which operator each tensor is no longer needed.
        self.weights: dict[str, NDArray[np.generic]] = {name: widened(value) for name, value in model.weights.items()}
        self.steps: list[Node] = []
        for node in model.nodes:
            if node.operator not in OPERATORS and node.operator != "Conv":
                raise ValueError(f"{model.path.name} has the operator {node.operator}, which needs ONNX Runtime (pip install onnxruntime).")
            if node.operator in ("Cast", "Identity") and node.inputs[0] in self.weights:
                self.weights[node.outputs[0]] = self.weights.pop(node.inputs[0])
            else:
                self.steps.append(node)
        self.last_use = {name: index for index, node in enumerate(self.steps) for name in node.inputs}

    def __call__(self, picture: Tensor, level: Tensor) -> Tensor:
        tensors: dict[str, Tensor] = {"picture": picture, "level": level}
        with spreading(self.workers) as spread:
            for index, node in enumerate(self.steps):
                inputs = [tensors[name] if name in tensors else cast("Tensor", self.weights[name]) for name in node.inputs]
                if node.operator == "Conv":
                    tensors[node.outputs[0]] = convolution(node, inputs, spread)
                else:
                    tensors[node.outputs[0]] = OPERATORS[node.operator](node, inputs)
                for name in node.inputs:
                    if self.last_use[name] == index:
                        tensors.pop(name, None)
        return tensors["clean"]


@contextlib.contextmanager
def spreading(workers: int) -> Iterator[Spread]:
    """A `Spread` over threads if the matrix library can be kept to one thread; else over none."""
    if importlib.util.find_spec("threadpoolctl") is None:
        yield one_after_the_other
        return
    import threadpoolctl

    with threadpoolctl.threadpool_limits(1, "blas"), ThreadPoolExecutor(workers) as pool:

        def together(work: Callable[[int], None], firsts: range) -> None:
            list(pool.map(work, firsts))

        yield together


def one_after_the_other(work: Callable[[int], None], firsts: range) -> None:
    for first in firsts:
        work(first)


def widened(values: NDArray[np.generic]) -> NDArray[np.generic]:
    return values.astype(np.float32) if values.dtype.kind == "f" else values


def convolution(node: Node, inputs: list[Tensor], spread: Spread) -> Tensor:
    """out[o, y, x] = Σ over i, j, k of weights[o, i, j, k] · padded[i, s·y + d·j, s·x + d·k] + bias[o].

    s is the stride, d the dilation, `padded` the source with its border of zeros.
    """
    source, weights = inputs[0], inputs[1]
    outputs, channels, rows, columns = weights.shape
    if cast("int", node.attributes.get("group", 1)) != 1 or numbers(node, "auto_pad", []) not in ([], "NOTSET"):
        raise ValueError("A grouped or self-padding convolution needs ONNX Runtime (pip install onnxruntime).")
    top, left, bottom, right = numbers(node, "pads", [0] * 4)
    down, across = numbers(node, "strides", [1, 1])
    tall, wide = numbers(node, "dilations", [1, 1])
    padded = np.pad(source, ((0, 0), (top, bottom), (left, right)))
    height = (padded.shape[1] - tall * (rows - 1) - 1) // down + 1
    width = (padded.shape[2] - wide * (columns - 1) - 1) // across + 1
    matrix = np.ascontiguousarray(weights.transpose(0, 2, 3, 1)).reshape(outputs, -1)
    out = np.empty((outputs, height, width), np.float32)
    strip = max(1, STRIP_BYTES // (4 * matrix.shape[1] * width))

    def rows_from(first: int) -> None:
        count = min(strip, height - first)
        patches = np.empty((rows, columns, channels, count, width), np.float32)
        for j in range(rows):
            begin = down * first + tall * j
            lines = padded[:, begin : begin + down * (count - 1) + 1 : down]
            for k in range(columns):
                patches[j, k] = lines[:, :, wide * k : wide * k + across * (width - 1) + 1 : across]
        out[:, first : first + count] = (matrix @ patches.reshape(matrix.shape[1], -1)).reshape(outputs, count, width)

    spread(rows_from, range(0, height, strip))
    return with_bias(out, inputs)


def transposed_convolution(node: Node, inputs: list[Tensor]) -> Tensor:
    """The adjoint of a convolution whose stride is its kernel: each value becomes a square of its own."""
    source, weights = inputs[0], inputs[1]
    channels, outputs, rows, columns = weights.shape
    if numbers(node, "strides", [1, 1]) != [rows, columns] or any(numbers(node, "pads", [0] * 4)):
        raise ValueError("A transposed convolution whose squares overlap needs ONNX Runtime (pip install onnxruntime).")
    height, width = source.shape[1:]
    squares = weights.reshape(channels, -1).T @ source.reshape(channels, -1)
    squares = squares.reshape(outputs, rows, columns, height, width).transpose(0, 3, 1, 4, 2)
    return with_bias(np.ascontiguousarray(squares).reshape(outputs, rows * height, columns * width), inputs)


def with_bias(out: Tensor, inputs: list[Tensor]) -> Tensor:
    if len(inputs) > 2:
        out += inputs[2][:, None, None]
    return out


def space_to_depth(node: Node, inputs: list[Tensor]) -> Tensor:
    """Each square of block × block pixels becomes block² times as many channels: out[(j·block + k)·channels + c, y, x]."""
    block, (channels, height, width) = cast("int", node.attributes["blocksize"]), inputs[0].shape
    parts = inputs[0].reshape(channels, height // block, block, width // block, block).transpose(2, 4, 0, 1, 3)
    return np.ascontiguousarray(parts).reshape(block * block * channels, height // block, width // block)


def depth_to_space(node: Node, inputs: list[Tensor]) -> Tensor:
    """The inverse; in the mode CRD the channel is the slowest index of what is taken apart, in the mode DCR it is the fastest."""
    block, (stacked, height, width) = cast("int", node.attributes["blocksize"]), inputs[0].shape
    channels = stacked // block**2
    if node.attributes.get("mode", "DCR") == "CRD":
        parts = inputs[0].reshape(channels, block, block, height, width).transpose(0, 3, 1, 4, 2)
    else:
        parts = inputs[0].reshape(block, block, channels, height, width).transpose(2, 3, 0, 4, 1)
    return np.ascontiguousarray(parts).reshape(channels, block * height, block * width)


#: What is computed, by the name of the operator. The first axis of an ONNX tensor, the batch, is left out.
OPERATORS: dict[str, Callable[[Node, list[Tensor]], Tensor]] = {
    "Add": lambda _, inputs: inputs[0] + inputs[1],
    "Cast": lambda _, inputs: inputs[0],
    "Concat": lambda _, inputs: np.concatenate(inputs),
    "ConvTranspose": transposed_convolution,
    "DepthToSpace": depth_to_space,
    "Identity": lambda _, inputs: inputs[0],
    "Mul": lambda _, inputs: inputs[0] * inputs[1],
    "Relu": lambda _, inputs: np.maximum(inputs[0], np.float32(0)),
    "SpaceToDepth": space_to_depth,
    "Sub": lambda _, inputs: inputs[0] - inputs[1],
}
