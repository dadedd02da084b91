"""Write a trained network as ONNX: `python -m training.export RUN/weights.pt colour.onnx`.

The file holds the weights in half precision, each followed by a cast, so that it takes half the space and is still computed in float32.
It uses nine kinds of operators of opset 17 and no shapes but the number of channels, so that a reader of 150 lines can run it:
see denoise_cli/methods/learned/numpy_engine.py.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

__all__ = ["export", "main"]

OPSET, FORMAT = 17, 8


class Graph:
    """Nodes and weights as they are added; every method returns the name of the tensor it makes."""

    def __init__(self, weights: dict[str, NDArray[np.float32]]) -> None:
        self.weights, self.nodes, self.stored = weights, [], []

    def node(self, operator: str, inputs: list[str], name: str, **attributes: object) -> str:
        self.nodes.append(helper.make_node(operator, inputs, [name], name=name, **attributes))
        return name

    def weight(self, name: str) -> str:
        self.stored.append(numpy_helper.from_array(self.weights[name].astype(np.float16), f"{name}.half"))
        return self.node("Cast", [f"{name}.half"], name, to=TensorProto.FLOAT)

    def convolution(self, layer: str, source: str, operator: str = "Conv", stride: int = 1) -> str:
        rows, columns = self.weights[f"{layer}.weight"].shape[2:]
        border = (rows - 1) // 2
        return self.node(
            operator, [source, self.weight(f"{layer}.weight")], layer, kernel_shape=[rows, columns], strides=[stride] * 2, pads=[border] * 4
        )

    def stage(self, name: str, z: str) -> str:
        blocks = {key.split(".")[2] for key in self.weights if key.startswith(f"{name}.")}
        for block in sorted(blocks, key=int):
            first = self.convolution(f"{name}.{block}.first", z)
            second = self.convolution(f"{name}.{block}.second", self.node("Relu", [first], f"{first}.relu"))
            z = self.node("Add", [z, second], f"{name}.{block}")
        return z


def export(state: dict[str, torch.Tensor], path: Path, *, note: str = "") -> None:
    """Write the network of training/model.py with these weights. `note` goes into the file, to say where they came from."""
    weights = {key: value.float().numpy() for key, value in state.items()}
    width, stacked = weights["head.weight"].shape[:2]
    channels = stacked // 8
    # PyTorch's pixel_unshuffle puts the channel before the place in the square of 2 × 2, ONNX's SpaceToDepth after it.
    weights["head.weight"] = weights["head.weight"].reshape(width, channels * 2, 4, 3, 3).swapaxes(1, 2).reshape(width, stacked, 3, 3)
    graph = Graph(weights)
    both = graph.node("Concat", ["picture", "level"], "both", axis=1)
    first = z = graph.convolution("head", graph.node("SpaceToDepth", [both], "lattice", blocksize=2))
    levels = 1 + max(int(key.split(".")[1]) for key in weights if key.startswith("down."))
    kept = []
    for level in range(levels):
        kept.append(graph.stage(f"encoder.{level}", z))
        z = graph.convolution(f"down.{level}", kept[-1], stride=2)
    z = graph.stage(f"encoder.{levels}", z)
    for level in reversed(range(levels)):
        raised = graph.convolution(f"up.{level}", z, "ConvTranspose", stride=2)
        z = graph.stage(f"decoder.{level}", graph.node("Add", [raised, kept[level]], f"joined.{level}"))
    tail = graph.convolution("tail", graph.node("Add", [z, first], "last"))
    correction = graph.node("DepthToSpace", [tail], "correction", blocksize=2, mode="CRD")
    graph.node("Sub", ["picture", correction], "clean")

    def described(name: str) -> onnx.ValueInfoProto:
        return helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, channels, "height", "width"])

    made = helper.make_graph(graph.nodes, "denoise", [described("picture"), described("level")], [described("clean")], graph.stored)
    model = helper.make_model(made, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=FORMAT, producer_name="denoise-cli")
    if note:
        helper.set_model_props(model, {"note": note})
    onnx.checker.check_model(model, full_check=True)
    path.write_bytes(model.SerializeToString())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("weights", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--note", default="", help="kept in the file: how the weights were made")
    words = parser.parse_args()
    export(torch.load(words.weights, map_location="cpu"), words.out, note=words.note)
    print(f"{words.out}: {words.out.stat().st_size / 1e6:.2f} MB")


if __name__ == "__main__":
    main()
