"""NIfTI: what nibabel writes comes back with its affine, its header and its units, and the voxel size weighs the differences."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from denoise_cli import denoise as solve

nibabel: Any = pytest.importorskip("nibabel")

RANDOM = np.random.default_rng(1)
AFFINE = np.array([[-0.5, 0.1, 0, 10], [0, 0.5, 0.2, -20], [0, 0, 2.0, 30], [0, 0, 0, 1.0]])
VOLUME = 0.2 + 0.5 * (np.indices((14, 12, 6)).sum(axis=0) % 11 < 5) + 0.1 * RANDOM.standard_normal((14, 12, 6))


def save(path: Path, array: np.ndarray, kind: Any = None, **fields: Any) -> Path:
    image = (kind or nibabel.Nifti1Image)(array, AFFINE)
    image.header.set_zooms((0.5, 0.5, 2.0, 1.5)[: array.ndim])
    image.header["descrip"] = b"made for a test"
    for name, value in fields.items():
        image.header[name] = value
    nibabel.save(image, path)
    return path


@pytest.mark.parametrize("name", ["v.nii", "v.nii.gz"])
@pytest.mark.parametrize("kind", ["Nifti1Image", "Nifti2Image"])
def test_a_volume_comes_back_with_its_affine_header_and_type(denoise, tmp_path, kind, name):
    path = save(tmp_path / name, VOLUME.astype(np.float32), getattr(nibabel, kind))
    assert denoise(path, "--volume", "--lambda", 0.2).code == 0
    result = nibabel.load(tmp_path / name.replace("v.", "v_denoised."))
    np.testing.assert_array_equal(result.affine, nibabel.load(path).affine)
    assert result.header == nibabel.load(path).header
    assert isinstance(result, getattr(nibabel, kind))
    expected = solve(VOLUME.astype(np.float32), 0.2, axes="xyz", spacing=(0.5, 0.5, 2.0)).image
    # The differences are summed up in the order of the file.
    np.testing.assert_allclose(np.asarray(result.dataobj), expected, atol=1e-5)


@pytest.mark.parametrize("dtype", [np.uint8, np.int8, np.int16, np.uint16, np.int32])
@pytest.mark.parametrize("order", ["<", ">"])
def test_integers_of_every_type_and_byte_order_come_back_bit_for_bit(denoise, tmp_path, dtype, order):
    stored = np.rint(100 * VOLUME).clip(0).astype(np.dtype(dtype).newbyteorder(order))
    header = nibabel.Nifti1Header(endianness=order)
    header.set_data_dtype(dtype)
    nibabel.save(nibabel.Nifti1Image(stored, AFFINE, header), tmp_path / "v.nii")
    before = (tmp_path / "v.nii").read_bytes()
    assert denoise(tmp_path / "v.nii", "--volume", "--lambda", 1e-9, "--method", "optimal", "--dtype", "float64").code == 0
    assert (tmp_path / "v_denoised.nii").read_bytes() == before  # so small a λ changes nothing


def test_scaled_integers_are_read_in_their_units(denoise, tmp_path):
    stored = np.rint(1000 * VOLUME).astype(np.int16)
    image = nibabel.Nifti1Image(stored, AFFINE)
    image.header.set_slope_inter(0.5, -100)
    image.header.set_zooms((1, 1, 1))
    nibabel.save(image, tmp_path / "v.nii")
    image = nibabel.load(tmp_path / "v.nii")
    values = np.asarray(image.dataobj)
    assert denoise(tmp_path / "v.nii", "--volume", "--lambda", 50).code == 0
    result = nibabel.load(tmp_path / "v_denoised.nii")
    expected = solve(values.astype(np.float32), 50, axes="xyz").image
    assert np.abs(np.asarray(result.dataobj) - expected).max() <= 0.26  # half a step of 0.5


@pytest.mark.parametrize(("slope", "intercept"), [(0.0, 7.0), (np.nan, np.nan), (np.inf, 0.0)])
def test_a_slope_that_means_nothing_is_none(denoise, tmp_path, slope, intercept):
    path = save(tmp_path / "v.nii", np.rint(1000 * VOLUME).astype(np.int16))
    data = bytearray(path.read_bytes())
    data[112:120] = struct.pack("<2f", slope, intercept)
    data[108:112] = struct.pack("<f", 0.0)  # where the voxels begin, which cannot be within the header
    (tmp_path / "odd.nii").write_bytes(data)
    for name in ("v.nii", "odd.nii"):
        assert denoise(tmp_path / name, "--volume", "--lambda", 50).code == 0
    (plain, odd) = ((tmp_path / f"{name}_denoised.nii").read_bytes() for name in ("v", "odd"))
    assert odd[352:] == plain[352:]
    assert odd[:352] == data[:352]


def test_a_series_of_volumes_is_denoised_volume_by_volume_or_as_one(denoise, tmp_path):
    series = np.stack([VOLUME[:, :, :4], VOLUME[:, :, 1:5]], axis=-1).astype(np.float32)
    path = save(tmp_path / "s.nii", series)
    assert denoise(path, "--volume", "--lambda", 0.2).code == 0
    apart = np.asarray(nibabel.load(tmp_path / "s_denoised.nii").dataobj)
    for time in range(2):
        alone = solve(series[..., time], 0.2, axes="xyz", spacing=(0.5, 0.5, 2.0)).image
        np.testing.assert_allclose(apart[..., time], alone, atol=1e-5)
    assert denoise(path, "--volume", "--lambda", 0.2, "--time-weight", 0.5, "--overwrite").code == 0
    together = np.asarray(nibabel.load(tmp_path / "s_denoised.nii").dataobj)
    expected = solve(series, 0.2, axes="xyzt", spacing=(0.5, 0.5, 2.0), time_weight=0.5).image
    np.testing.assert_allclose(together, expected, atol=1e-5)


def test_what_is_no_volume_of_numbers_is_refused_in_one_line(denoise, tmp_path):
    nibabel.save(nibabel.Nifti1Image(VOLUME.astype(np.complex64), AFFINE), tmp_path / "complex.nii")
    (tmp_path / "cut.nii").write_bytes(save(tmp_path / "v.nii", VOLUME.astype(np.float32)).read_bytes()[:1000])
    import gzip

    (tmp_path / "text.nii.gz").write_bytes(gzip.compress(b"no volume"))
    for name, words in {"complex": "no plain numbers", "cut": "holds less than its 14 × 12 × 6 voxels", "text": "no NIfTI within"}.items():
        path = next(tmp_path.glob(f"{name}.nii*"))
        outcome = denoise(path, "--volume", "--lambda", 0.2)
        assert outcome.code != 0
        assert words in outcome.err
        assert len(outcome.err.strip().splitlines()) == 1


def test_a_nifti_becomes_a_tiff_whose_pages_count_depth(denoise, tmp_path):
    import tifffile

    path = save(tmp_path / "v.nii", VOLUME.astype(np.float32))
    assert denoise(path, "--volume", "--lambda", 0.2, "-o", tmp_path / "v.tif").code == 0
    with tifffile.TiffFile(tmp_path / "v.tif") as file:
        assert (file.series[0].axes, file.series[0].shape) == ("ZYX", (6, 12, 14))
