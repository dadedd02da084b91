"""The widget: method, strength, a preview of what is seen, and the whole layer."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from magicgui.widgets import CheckBox, ComboBox, Container, FloatSlider, Label, PushButton
from napari.layers import Image
from napari.qt.threading import create_worker
from napari.utils.notifications import show_warning
from qtpy.QtCore import QTimer

from denoise_cli.napari_plugin.layer_pixels import automatic_methods, denoised, denoised_stack, seen

__all__ = ["DenoiseWidget"]

AUTO = "auto"
#: How long nothing moves before a preview is made, in milliseconds.
REST = 250
#: What the metadata of a preview hold. napari hands layers out behind proxies, which are not the same object twice.
PREVIEW = "denoise preview"
#: Beside the strength that was chosen, in powers of two: from a quarter to four times.
WEAKEST, STRONGEST = -2.0, 2.0


class DenoiseWidget(Container):  # type: ignore[misc] # magicgui is an extra
    """Remove noise from an image layer. Results and previews are layers of their own; the layer itself is never changed."""

    def __init__(self, napari_viewer: Any) -> None:  # napari knows the parameter by this name
        self._viewer = viewer = napari_viewer
        self._layer = ComboBox(label="layer", choices=self._image_layers, nullable=True)
        self._method = ComboBox(label="method", choices=[AUTO, *automatic_methods()], tooltip="auto takes what suits the picture")
        self._strength = FloatSlider(
            label="strength 2^", value=0, min=WEAKEST, max=STRONGEST, step=0.25, tooltip="0 as chosen, 1 twice as strong, −1 half as strong"
        )
        self._preview = CheckBox(text="preview on the view", tooltip="of the part that is seen; follows the view and the settings")
        self._run = PushButton(text="Denoise the layer")
        self._told = Label(value="")
        super().__init__(widgets=[self._layer, self._method, self._strength, self._preview, self._run, self._told])
        self._worker: Any = None
        self._runner: Any = None
        self._again = False
        self._shown: Any = None
        self._timer = QTimer()
        self._timer.setSingleShot(True)
        self._timer.setInterval(REST)
        self._timer.timeout.connect(self.show_preview)
        for control in (self._layer, self._method, self._strength, self._preview):
            control.changed.connect(self._moved)
        for event in (viewer.camera.events, viewer.dims.events.current_step, viewer.dims.events.order):
            event.connect(self._moved)
        for event in (viewer.layers.events.inserted, viewer.layers.events.removed):
            event.connect(self._list_layers)
        self._run.changed.connect(self.run)
        self._list_layers()

    def _image_layers(self, _: Any = None) -> list[Any]:
        return [layer for layer in self._viewer.layers if isinstance(layer, Image) and PREVIEW not in layer.metadata]

    def _list_layers(self, _: Any = None) -> None:
        """Offer the layers that there are; the first one, or the last one that was added, is chosen where none was."""
        before = self._layer.value
        self._layer.reset_choices()
        layers = self._image_layers()
        if before not in layers and layers:
            self._layer.value = layers[-1]

    @property
    def strength(self) -> float:
        """What the λ that is chosen is multiplied by."""
        return float(2**self._strength.value)

    def _settings(self, layer: Any) -> dict[str, Any]:
        method = None if self._method.value == AUTO else self._method.value
        return {"method": method, "strength": self.strength, "rgb": bool(layer.rgb)}

    def _moved(self, *_: Any) -> None:
        if self._preview.value:
            self._timer.start()
        elif self._shown is not None:
            shown, self._shown = self._shown, None
            if shown in self._viewer.layers:
                self._viewer.layers.remove(shown)

    def show_preview(self) -> None:
        """The part of the layer that is seen, without noise, over the layer. Of a multi-scale layer, its finest level."""
        layer = self._layer.value
        if layer is None or not self._preview.value or self._viewer.dims.ndisplay != 2:
            return
        if self._worker is not None:
            self._again = True
            return
        data = _data_of(layer)
        spatial = data.shape[: layer.ndim]
        displayed = [axis - (self._viewer.dims.ndim - layer.ndim) for axis in self._viewer.dims.displayed]
        point = [round(place) for place in layer.world_to_data(self._viewer.dims.point)]
        corners = layer.corner_pixels if not layer.multiscale else [[0] * layer.ndim, [0] * layer.ndim]
        view, settings = seen(spatial, displayed, point, corners), self._settings(layer)

        def work() -> Any:
            picture, sentence = denoised(data[view.index], **settings)
            return picture[view.inner], sentence

        def show(result: Any) -> None:
            picture, sentence = result
            self._told.value = sentence
            if not self._preview.value:
                return
            # A layer of as many axes as the other, one pixel thick where it is cut.
            shape = [1] * layer.ndim
            for axis, size in zip(sorted(displayed), picture.shape, strict=False):
                shape[axis] = size
            self._put(layer, picture.reshape(*shape, *picture.shape[2:]), view.offset)

        self._worker = _started(work, show, self._ended)

    def _put(self, layer: Any, picture: Any, offset: tuple[int, ...]) -> None:
        told = _look_of(layer) | {"name": f"{layer.name} preview", "translate": layer.data_to_world(offset), "metadata": {PREVIEW: True}}
        if self._shown is not None and self._shown in self._viewer.layers:
            self._viewer.layers.remove(self._shown)
        chosen = list(self._viewer.layers.selection)
        with self._layer.changed.blocked():
            self._shown = self._viewer.add_image(picture, **told)
            self._layer.reset_choices()
            self._layer.value = layer
        # The layer that was chosen stays chosen, here and in the list.
        self._viewer.layers.selection = chosen

    def run(self) -> None:
        """The whole layer, slice by slice, as a new layer. Once more ends it."""
        layer = self._layer.value
        if layer is None:
            show_warning("There is no image layer to denoise.")
            return
        if self._runner is not None:
            self._runner.quit()
            return
        data, settings = _data_of(layer), self._settings(layer)

        def work() -> Iterator[Any]:
            yield from denoised_stack(data, **settings)

        kept: list[Any] = []

        def step(result: Any) -> None:
            whole, sentence, share = result
            self._told.value = f"{share:.0%}  {sentence}"
            if share == 1:
                kept.append(whole)

        def finish(_: Any = None) -> None:
            if kept:
                self._viewer.add_image(kept[0], **_look_of(layer), name=f"{layer.name} denoised", translate=layer.translate)

        def end() -> None:
            self._runner = None

        self._runner = _started(work, finish, end, step)

    def _ended(self) -> None:
        self._worker = None
        if self._again:
            self._again = False
            self._timer.start()


def _started(
    work: Callable[[], Any], show: Callable[[Any], None], end: Callable[[], None], step: Callable[[Any], None] | None = None
) -> Any:
    """Work on a thread of its own; what touches layers (`show`, `step`, `end`) happens on that of the window."""
    worker = create_worker(work)
    if step is not None:
        worker.yielded.connect(step)
    worker.returned.connect(show)
    worker.errored.connect(lambda error: show_warning(f"denoise: {error}"))
    worker.finished.connect(end)
    worker.start()
    return worker


def _data_of(layer: Any) -> Any:
    return layer.data[0] if layer.multiscale else layer.data


def _look_of(layer: Any) -> dict[str, Any]:
    """How a layer is drawn and where it lies, for one of the same pixels."""
    look = {"rgb": layer.rgb, "scale": layer.scale, "rotate": layer.rotate, "shear": layer.shear}
    return look if layer.rgb else look | {"colormap": layer.colormap, "contrast_limits": layer.contrast_limits, "gamma": layer.gamma}
