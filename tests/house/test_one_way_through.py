"""Each file is read once a job, whatever the number of pages; each page is converted once, when it is written."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from PIL import Image

Run = Callable[..., Any]


def test_a_mask_and_a_reference_are_read_once_for_twelve_pages(denoise: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from denoise_cli.formats import files

    pages = np.random.default_rng(0).integers(0, 256, (12, 30, 40), dtype=np.uint8)
    tifffile.imwrite(tmp_path / "stack.tif", pages, photometric="minisblack")
    for name, picture in (("clean", pages[0]), ("mask", np.full((30, 40), 255, np.uint8))):
        Image.fromarray(picture).save(tmp_path / f"{name}.png")
    reads: Counter[str] = Counter()
    real = files._read_bytes

    def counted(path: Path) -> bytes:
        reads[path.name] += 1
        return real(path)

    monkeypatch.setattr(files, "_read_bytes", counted)
    words = ("--method", "optimal", "--lambda", 0.1, "--mask", tmp_path / "mask.png", "--reference", tmp_path / "clean.png")
    assert denoise(tmp_path / "stack.tif", "-o", tmp_path / "out.tif", *words).code == 0
    assert reads == {"stack.tif": 1, "mask.png": 1, "clean.png": 1}


def test_the_pixels_of_a_page_are_converted_once(denoise: Run, samples: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from denoise_cli.formats import files

    with Image.open(samples / "camera_gaussian.png") as picture:
        whole = picture.size[0]
    widths: list[int] = []
    real = files.convert

    def counted(picture: Any, kind: str) -> Any:
        widths.append(picture.pages[0].colour.shape[1])
        return real(picture, kind)

    monkeypatch.setattr(files, "convert", counted)
    assert denoise(samples / "camera_gaussian.png", "-o", tmp_path / "out.tif", "--lambda", 0.1).code == 0
    assert [width for width in widths if width >= whole] == [whole]
