"""DICOM (pydicom, an extra): one frame or many, in the units that the rescale slope gives; every other element comes back."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any, BinaryIO

from denoise_cli.formats.axes import Axes
from denoise_cli.formats.picture import Metadata, Page, Picture, PixelLimit, Refused
from denoise_cli.formats.rescaled import Rescale

if TYPE_CHECKING:
    from denoise_cli.formats.picture import Array

__all__ = ["adopt", "decode", "encode", "metadata"]

MODELS = {"MONOCHROME1": "white is zero", "MONOCHROME2": "", "RGB": "", "YBR_FULL": "", "YBR_FULL_422": "", "YBR_RCT": "", "YBR_ICT": ""}


def decode(data: bytes, limit: PixelLimit) -> Picture:
    import numpy as np
    import pydicom

    dataset = pydicom.dcmread(io.BytesIO(data))
    if "PixelData" not in dataset:
        raise Refused("no pixels in it (a report, a directory or floats); export the picture first")
    height, width = int(dataset.Rows), int(dataset.Columns)
    frames, samples = int(dataset.get("NumberOfFrames", 1) or 1), int(dataset.get("SamplesPerPixel", 1))
    kind = str(dataset.get("PhotometricInterpretation", "MONOCHROME2"))
    if kind not in MODELS or samples not in (1, 3):
        raise Refused(f"colour model {kind}, which denoise does not know; convert it first (dcmdjpeg, or gdcmconv)")
    if width * height * frames <= 0:
        raise ValueError("it has no pixels")
    for _ in range(frames if frames <= limit.most else 1):
        limit.take(width, height, samples)
    if frames > limit.most:
        limit.take(width * frames, height, samples)
    compressed = bool(dataset.file_meta.TransferSyntaxUID.is_compressed)
    try:
        stored = dataset.pixel_array
    except (RuntimeError, NotImplementedError, AttributeError) as error:
        if compressed:
            name = dataset.file_meta.TransferSyntaxUID.name
            raise Refused(f"pixels in {name}, which cannot be decoded here; unpack them first (gdcmconv --raw IN OUT)") from error
        raise
    stored = np.asarray(stored).reshape(frames, height, width, *((3,) if samples == 3 else ()))
    used, signed = int(dataset.get("BitsStored", 8 * stored.dtype.itemsize)), bool(dataset.get("PixelRepresentation", 0))
    ends = (-(2 ** (used - 1)), 2 ** (used - 1) - 1) if signed else (0, 2**used - 1)
    if not 1 <= used <= 8 * stored.dtype.itemsize or int(stored.min()) < ends[0] or int(stored.max()) > ends[1]:
        ends = (int(np.iinfo(stored.dtype).min), int(np.iinfo(stored.dtype).max))
    slope, intercept = float(dataset.get("RescaleSlope", 1) or 1), float(dataset.get("RescaleIntercept", 0) or 0)
    if not (np.isfinite(slope) and np.isfinite(intercept)):
        raise ValueError(f"its rescale slope is {slope}, its intercept {intercept}")
    rescale = Rescale(slope, intercept, *ends)
    values = stored if samples == 3 else rescale.values(stored)
    extras: dict[str, Any] = {"dataset": dataset, "stored": stored, "rescale": rescale if samples == 1 else None}
    notes = ("its pixels come back without compression",) if compressed else ()
    if frames > 1:
        extras["axes"] = named = Axes("I" + ("YXS" if samples == 3 else "YX"), values.shape)
    pages = tuple(
        Page(
            page, model="" if samples == 3 else MODELS[kind], nodata=_padding(dataset, rescale), axes=named.place(at) if frames > 1 else ()
        )
        for at, page in enumerate(values)
    )
    return Picture("dicom", pages, extras, notes)


def _padding(dataset: Any, rescale: Rescale) -> tuple[float, ...]:
    """The value around the picture that stands for nothing, if the file says one."""
    padding = dataset.get("PixelPaddingValue")
    return () if padding is None else (float(padding) * rescale.slope + rescale.intercept,)


def encode(stream: BinaryIO, picture: Picture) -> None:
    import copy

    import numpy as np
    from pydicom.uid import ExplicitVRLittleEndian

    extras = picture.extras
    if "slices" in extras:
        raise Refused("the slices of a series come back as a folder of files; name a folder with -o, or a stack such as .tif")
    before: Array = extras["stored"][: len(picture.pages)]
    values = np.stack([page.colour for page in picture.pages])
    rescale: Rescale | None = extras["rescale"]
    after = values.astype(before.dtype) if rescale is None else rescale.stored(values, before.dtype)
    if values.dtype.kind == "f":
        after = np.where(np.isfinite(values), after, before)
    dataset = copy.deepcopy(extras["dataset"])
    if len(picture.pages) < len(extras["stored"]):
        dataset.NumberOfFrames = len(picture.pages)
    big = not dataset.file_meta.TransferSyntaxUID.is_little_endian
    if dataset.file_meta.TransferSyntaxUID.is_compressed:
        dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        dataset._read_implicit = False
    if after.ndim == 4:
        dataset.PhotometricInterpretation, dataset.PlanarConfiguration = "RGB", 0
    raw = after.astype(after.dtype.newbyteorder(">" if big else "<")).tobytes()
    dataset.PixelData = raw + b"\0" * (len(raw) % 2)
    dataset["PixelData"].VR = "OB" if after.dtype.itemsize == 1 and not dataset.file_meta.TransferSyntaxUID.is_implicit_VR else "OW"
    dataset.BitsAllocated = 8 * after.dtype.itemsize
    buffer = io.BytesIO()
    dataset.save_as(buffer, enforce_file_format=False)
    stream.write(buffer.getbuffer())


def metadata(picture: Picture) -> Metadata:  # noqa: ARG001 - one signature for all formats
    return Metadata(units="patient, study and scale of a DICOM are left out: the values are in the units of its rescale slope")


def adopt(metadata: Metadata) -> dict[str, Any]:  # noqa: ARG001
    return {}
