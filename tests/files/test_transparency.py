"""Transparency is passed through untouched, and what nobody can see does not reach what everybody can."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from denoise_cli.formats.files import read_picture


def half_hidden(draw, hidden: int) -> np.ndarray:
    """A grey field, its left half fully transparent, in the colour `hidden`."""
    rgba = np.full((24, 32, 4), 128, np.uint8)
    rgba[:, :, :3] += draw(3, size=(24, 32)) // 16
    rgba[:, :16, :3], rgba[:, :16, 3] = hidden, 0
    rgba[:, 16:, 3] = draw(size=(24, 16)) | 1
    return rgba


@pytest.mark.parametrize("method", ["matlab", "optimal"])
@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_hidden_colours_do_not_bleed_and_come_back(encoders, draw, denoise, tmp_path, kind, method):
    results = []
    for hidden in (0, 255):
        path = tmp_path / f"{hidden}.{kind.lower()}"
        rgba = half_hidden(draw, hidden)
        path.write_bytes(encoders.pil(rgba, kind))
        assert denoise(path, "--lambda", 0.3, "--method", method).code == 0
        result = np.asarray(Image.open(tmp_path / f"{hidden}_denoised.{kind.lower()}"))
        np.testing.assert_array_equal(result[:, :, 3], rgba[:, :, 3])
        np.testing.assert_array_equal(result[:, :16], rgba[:, :16])
        assert (result[:, 16:, :3] != rgba[:, 16:, :3]).any()
        results.append(result[:, 16:])
    np.testing.assert_array_equal(results[0], results[1])


def test_a_frame_shows_in_hidden_places_the_nearest_visible_pixel(encoders):
    grey = np.array([[10, 99, 99, 99, 60]] * 2, np.uint8)
    seen = np.array([[255, 0, 0, 0, 1]] * 2, np.uint8)
    frame = read_picture(Path("in"), encoders.pil(np.dstack([grey, seen]), "PNG")).frames[0]
    assert frame[0, [0, 1, 3, 4]].tolist() == [10, 10, 60, 60]


def test_a_picture_that_is_hidden_everywhere_comes_back(encoders, draw, denoise, tmp_path):
    rgba = draw(4)
    rgba[:, :, 3] = 0
    (tmp_path / "in.png").write_bytes(encoders.pil(rgba, "PNG"))
    assert denoise(tmp_path / "in.png", "--lambda", 0.1).code == 0
    assert (np.asarray(Image.open(tmp_path / "in_denoised.png"))[:, :, 3] == 0).all()


def test_a_pixel_that_can_be_seen_a_little_is_denoised(encoders, draw):
    rgba = draw(4)
    rgba[:, :, 3] = 1
    picture = read_picture(Path("in"), encoders.pil(rgba, "PNG"))
    np.testing.assert_array_equal(picture.frames[0], rgba[:, :, :3])


def test_a_nan_under_full_transparency_is_no_trouble(encoders, denoise, tmp_path):
    pixels = np.ones((9, 9, 4), np.float32)
    pixels[3, 3] = np.nan, np.nan, np.nan, 0
    (tmp_path / "in.tif").write_bytes(encoders.tiff(pixels, photometric="rgb", extrasamples=["unassalpha"]))
    assert denoise(tmp_path / "in.tif", "--lambda", 0.1).code == 0
    after = read_picture(tmp_path / "in_denoised.tif").pages[0].colour
    assert np.isnan(after).sum() == 3


def test_scipy_is_asked_only_for_pictures_with_hidden_pixels():
    import subprocess
    import sys

    program = """
import io, sys
import numpy as np
from pathlib import Path
from denoise_cli.formats.files import encode_picture, read_picture
from denoise_cli.formats.png import encode
from denoise_cli.formats.picture import Page, Picture
picture = Picture("png", (Page(np.zeros((4, 4, 3), np.uint8), np.full((4, 4, 1), 255, np.uint8), 0),))
data, _ = encode_picture(picture, "png", Path("it"))
read_picture(Path("it"), data).frames
print([name for name in ("scipy", "PIL", "tifffile") if name in sys.modules])
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_alpha_of_a_stream_is_kept(encoders, draw):
    rgba = draw(4)
    picture = read_picture(Path("-"), encoders.pil(rgba, "PNG"))
    successor = picture.successor([np.ones((*rgba.shape[:2], 3)) * 0.5])
    from denoise_cli.formats.files import encode_picture

    result = np.asarray(Image.open(io.BytesIO(encode_picture(successor, "png", Path("-"))[0])))
    np.testing.assert_array_equal(result[:, :, 3], rgba[:, :, 3])
    assert (result[rgba[:, :, 3] > 0][:, :3] == 128).all()
