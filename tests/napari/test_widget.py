"""The widget in napari, without a screen; skipped where napari is not installed."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
pytest.importorskip("napari")
pytest.importorskip("qtpy")
# napari, magicgui and Qt say a lot that is not for us.
pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture
def viewer() -> Any:
    """What a window of napari shows, without the window, which needs OpenGL."""
    from napari.components import ViewerModel

    return ViewerModel()


@pytest.fixture
def widget(viewer: Any) -> Iterator[Any]:
    """What the manifest names."""
    from napari.qt import get_qapp
    from npe2 import PluginManager

    get_qapp()
    manager = PluginManager.instance()
    manager.discover()
    opened = manager.commands.get("denoise-cli.widget")
    widget = opened(napari_viewer=viewer)
    yield widget
    wait(lambda: widget._worker is None and widget._runner is None)
    widget.close()


def wait(true: Any) -> None:
    from qtpy.QtWidgets import QApplication

    until = time.monotonic() + 60
    while not true() and time.monotonic() < until:
        QApplication.processEvents()
        time.sleep(0.01)
    assert true()


def noisy(shape: tuple[int, ...]) -> Any:
    return np.clip(100 + np.random.default_rng(0).normal(0, 20, shape), 0, 255).astype(np.uint8)


def test_the_layer_is_denoised_beside_itself(viewer: Any, widget: Any) -> None:
    data = noisy((3, 40, 50))
    layer = viewer.add_image(data.copy(), name="cells", scale=(2, 0.5, 0.5), translate=(1, 2, 3), colormap="green")
    widget._method.value = "optimal"
    widget._run.changed.emit(True)
    wait(lambda: "cells denoised" in viewer.layers)
    result = viewer.layers["cells denoised"]
    assert result.data.dtype == np.uint8
    assert result.data.shape == data.shape
    assert result.data.std() < data.std() / 3
    assert np.array_equal(layer.data, data)
    assert np.array_equal(result.extent.world, layer.extent.world)
    assert result.colormap.name == "green"


def test_the_preview_lies_on_what_is_seen_and_goes_again(viewer: Any, widget: Any) -> None:
    viewer.add_image(noisy((3, 60, 80)), name="cells", scale=(1, 0.5, 0.5))
    viewer.dims.set_current_step(0, 2)
    widget._method.value = "optimal"
    widget._preview.value = True
    wait(lambda: "cells preview" in viewer.layers)
    preview = viewer.layers["cells preview"]
    assert preview.data.shape[0] == 1
    assert preview.data.std() < 10
    assert preview.translate[0] == 2
    assert widget._layer.value.name == "cells"
    assert preview not in widget._layer.choices
    before = preview.data
    widget._strength.value = -2
    wait(lambda: "cells preview" in viewer.layers and viewer.layers["cells preview"].data is not before)
    assert viewer.layers["cells preview"].data.std() > before.std()
    widget._preview.value = False
    wait(lambda: "cells preview" not in viewer.layers)


def test_colours_and_a_viewer_without_layers(viewer: Any, widget: Any) -> None:
    widget._run.changed.emit(True)  # a word, and no error
    viewer.add_image(noisy((40, 50, 3)), name="photo", rgb=True)
    widget._run.changed.emit(True)
    wait(lambda: "photo denoised" in viewer.layers)
    assert viewer.layers["photo denoised"].rgb
