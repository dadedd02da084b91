"""The DICOM slices of a folder as one volume: in the order in which they lie in space, and each of them a file of its own again."""

from __future__ import annotations

import io
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from denoise_cli.formats.axes import Axes
from denoise_cli.formats.picture import Picture, PixelLimit, Refused
from denoise_cli.storage.folders import own_files

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["decode_series", "encode_series", "is_series"]

#: How a DICOM file begins, at its byte 128; and a list of such files, which holds no picture.
MAGIC, LISTED = b"DICM", "DICOMDIR"
#: Distances between slices that differ by more than this share of their median: one is missing, or was taken twice.
UNEVEN = 0.1


@dataclass(frozen=True)
class Slice:
    """One file. place: along the normal of the slices, in millimetres, or the InstanceNumber where there are no positions."""

    name: str
    picture: Picture
    place: float

    @property
    def dataset(self) -> Any:
        return self.picture.extras["dataset"]


def is_series(folder: Path) -> bool:
    """Whether a folder holds DICOM files, which `--volume` takes for the slices of one volume."""
    try:
        return any(_is_dicom(folder / name) for name in own_files(folder))
    except OSError:
        return False


def _is_dicom(path: Path) -> bool:
    if path.name == LISTED:
        return False
    with path.open("rb") as stream:
        return stream.read(132)[128:] == MAGIC


def decode_series(folder: Path, limit: PixelLimit) -> Picture:
    """One page for each slice. Files that are no DICOM are passed over. Raises Refused for what is no single volume, and OSError."""
    from denoise_cli.formats.dicom import decode

    slices = []
    for name in own_files(folder):
        path = folder / name
        if _is_dicom(path):
            try:
                picture = decode(path.read_bytes(), limit)
            except Refused as refusal:
                raise Refused(f"{name}: {refusal}") from refusal
            if len(picture.pages) > 1:
                raise Refused(f"{name} has {len(picture.pages):,} frames, where a series has one in each file; denoise it by itself")
            slices.append(Slice(name, picture, 0.0))
    if len(slices) < 2:
        raise Refused(f"{'one slice' if slices else 'no slice'} of a DICOM series, and no volume; leave --volume out")
    _check_alike(slices)
    slices, distance = _in_order(slices)
    pages = _of_one_type(slices)
    named = Axes("ZYX", (len(slices), *pages[0].colour.shape[:2]))
    extras: dict[str, Any] = {"slices": tuple((each.name, each.picture.extras) for each in slices), "axes": named}
    if (spacing := _spacing(slices[0].dataset, distance)) is not None:
        extras["spacing"] = spacing
    notes = dict.fromkeys(note for each in slices for note in each.picture.notes)
    return Picture("dicom", tuple(replace(page, axes=named.place(at)) for at, page in enumerate(pages)), extras, tuple(notes))


def _check_alike(slices: Sequence[Slice]) -> None:
    first = slices[0]
    series = {str(each.dataset.get("SeriesInstanceUID", "")) for each in slices}
    if len(series) > 1:
        raise Refused(f"holds slices of {len(series)} series; give each of them a folder of its own")
    for each in slices[1:]:
        here, there = each.picture.pages[0].colour.shape, first.picture.pages[0].colour.shape
        if here != there:
            raise Refused(
                f"{each.name} is {here[1]} × {here[0]} pixels, and {first.name} {there[1]} × {there[0]}: slices of one volume have one "
                "size; take the odd one out of the folder"
            )


def _in_order(slices: Sequence[Slice]) -> tuple[list[Slice], float | None]:
    """The slices in the order of their positions, or else of their numbers, and how far apart they are where positions tell."""
    import numpy as np

    positions = [each.dataset.get("ImagePositionPatient") for each in slices]
    if all(position is not None and len(position) == 3 for position in positions):
        axes = slices[0].dataset.get("ImageOrientationPatient")
        row, column = np.array(axes, float).reshape(2, 3) if axes is not None and len(axes) == 6 else np.eye(3)[:2]
        places, unit = np.array(positions, float) @ np.cross(row, column), " mm"
    else:
        numbers = [each.dataset.get("InstanceNumber") for each in slices]
        if any(number is None for number in numbers):
            raise Refused("its slices do not say where they lie (neither ImagePositionPatient nor InstanceNumber); name them in one stack")
        places, unit = np.array(numbers, float), ""
    if not np.isfinite(places).all():
        raise Refused("its slices lie at places that are no numbers; export the series again")
    ordered = sorted((replace(each, place=float(place)) for each, place in zip(slices, places, strict=True)), key=lambda each: each.place)
    steps = np.diff([each.place for each in ordered])
    usual = float(np.median(steps)) if unit else 1.0
    for before, after, step in zip(ordered, ordered[1:], steps, strict=False):
        between = f"between {before.name} and {after.name}"
        if step == 0:
            raise Refused(f"{before.name} and {after.name} lie in one place; a volume has one slice in each: take one of them out")
        if abs(step - usual) > UNEVEN * usual:
            raise Refused(
                f"a slice is missing {between}, {step:g}{unit} apart where the others are {usual:g}{unit}; "
                "get it, or denoise the slices one by one (without --volume)"
            )
    return ordered, usual if unit else None


def _of_one_type(slices: Sequence[Slice]) -> list[Any]:
    """The pages; as floats, where slices have rescale slopes of their own."""
    import numpy as np

    pages = [each.picture.pages[0] for each in slices]
    kinds = {page.colour.dtype for page in pages}
    if len(kinds) == 1:
        return pages
    common = np.result_type(np.float32, *kinds)
    return [replace(page, colour=page.colour.astype(common)) for page in pages]


def _spacing(dataset: Any, distance: float | None) -> dict[str, float] | None:
    """In millimetres, of Z, Y and X; None where the files do not say."""
    pixels = dataset.get("PixelSpacing")
    depth = distance or dataset.get("SpacingBetweenSlices") or dataset.get("SliceThickness")
    if pixels is None or len(pixels) != 2 or not depth:
        return None
    found = {"Z": abs(float(depth)), "Y": float(pixels[0]), "X": float(pixels[1])}
    return found if all(0 < each < float("inf") for each in found.values()) else None


def encode_series(picture: Picture) -> dict[str, bytes]:
    """What each file of the series holds, by its name."""
    from denoise_cli.formats.dicom import encode

    files = {}
    for (name, extras), page in zip(picture.extras["slices"], picture.pages, strict=True):
        stream = io.BytesIO()
        encode(stream, Picture("dicom", (page,), extras))
        files[name] = stream.getvalue()
    return files
