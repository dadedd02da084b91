"""Windows hold what the whole file holds, however it lies in the file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from denoise_cli.errors import DenoiseError
from denoise_cli.large.cuts import cut
from denoise_cli.large.raw_table import RawTable
from denoise_cli.large.windows import open_windows

HEIGHT, WIDTH = 150, 217
#: Of every kind: a corner, the middle, the last rows and columns, a single pixel, all.
WINDOWS = [((0, 40), (0, 50)), ((37, 103), (61, 190)), ((120, 150), (200, 217)), ((149, 150), (216, 217)), ((0, HEIGHT), (0, WIDTH))]


def picture(dtype: Any, *samples: int) -> Any:
    values = np.random.default_rng(0).integers(0, 200, (HEIGHT, WIDTH, *samples))
    return values.astype(dtype) if np.dtype(dtype).kind != "f" else (values / 200).astype(dtype)


def same(path: Path, whole: Any, **options: Any) -> None:
    source = open_windows(path, **options)
    assert source is not None
    pages = whole.reshape(source.planes, HEIGHT, WIDTH, -1)
    for plane, page in enumerate(pages):
        for rows, columns in WINDOWS:
            found = source.read(plane, slice(*rows), slice(*columns))
            assert found.dtype == whole.dtype.newbyteorder("=")
            np.testing.assert_array_equal(found, page[slice(*rows), slice(*columns)])


@pytest.mark.parametrize("compression", [None, "zlib", "lzw", "packbits"])
@pytest.mark.parametrize("layout", [{"tile": (64, 48)}, {"rowsperstrip": 7}, {"rowsperstrip": 150}], ids=["tiled", "strips", "one strip"])
@pytest.mark.parametrize("dtype", ["uint8", ">u2", "float32"])
def test_tiff_windows_are_the_pixels(tmp_path: Path, compression: str | None, layout: dict[str, Any], dtype: str) -> None:
    whole = picture(dtype)
    tifffile.imwrite(tmp_path / "a.tif", whole, compression=compression, byteorder=">" if dtype[0] == ">" else "<", **layout)
    same(tmp_path / "a.tif", whole)


@pytest.mark.parametrize("planar", ["contig", "separate"])
@pytest.mark.parametrize("layout", [{"tile": (32, 64)}, {"rowsperstrip": 11}], ids=["tiled", "strips"])
def test_tiff_windows_of_colours_in_one_plane_or_three(tmp_path: Path, planar: str, layout: dict[str, Any]) -> None:
    whole = picture("uint16", 3)
    stored = whole if planar == "contig" else np.moveaxis(whole, -1, 0)
    tifffile.imwrite(tmp_path / "a.tif", stored, photometric="rgb", planarconfig=planar, compression="zlib", bigtiff=True, **layout)
    same(tmp_path / "a.tif", whole)


def test_the_pages_of_a_stack_are_planes(tmp_path: Path) -> None:
    stack = np.stack([picture("uint8"), picture("uint8")[::-1]])
    tifffile.imwrite(tmp_path / "a.tif", stack, photometric="minisblack", tile=(64, 64))
    same(tmp_path / "a.tif", stack)


def test_of_a_pyramid_the_largest_level_is_read(tmp_path: Path) -> None:
    whole = picture("uint8")
    with tifffile.TiffWriter(tmp_path / "a.ome.tif", ome=True) as writer:
        writer.write(whole, subifds=1, tile=(64, 64))
        writer.write(whole[::2, ::2], subfiletype=1, tile=(64, 64))
    same(tmp_path / "a.ome.tif", whole)
    source = open_windows(tmp_path / "a.ome.tif")
    assert source is not None
    assert "pyramid" in source.notes[0]


def test_smaller_copies_that_nothing_marks_are_known_by_their_sizes_and_other_pages_are_not(tmp_path: Path) -> None:
    whole = picture("uint8", 3)
    for name, others in (("pyramid", [whole[::2, ::2], whole[::4, ::4]]), ("pages", [whole[::2, ::2], whole[:40, :50]])):
        with tifffile.TiffWriter(tmp_path / f"{name}.tif") as writer:
            for each in (whole, *others):
                writer.write(each, photometric="rgb", tile=(64, 64))
    same(tmp_path / "pyramid.tif", whole)
    assert open_windows(tmp_path / "pages.tif") is None


@pytest.mark.parametrize("samples", [(), (3,)], ids=["grey", "colours"])
def test_a_stack_that_lists_only_its_first_page_is_read_to_its_end(tmp_path: Path, samples: tuple[int, ...]) -> None:
    """ImageJ writes stacks of more than 4 GB so."""
    stack = np.stack([picture(">u2", *samples) + number for number in range(3)]).astype(">u2")
    path, words = tmp_path / "a.tif", b"ImageJ=1.53\nimages=3\nslices=3\n"
    tifffile.imwrite(path, stack[0], photometric="rgb" if samples else "minisblack", description=words, metadata=None, byteorder=">")
    with path.open("ab") as stream:
        stream.write(stack[1:].tobytes())
    same(path, stack)


def test_pixels_that_are_cut_short_are_one_line(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", picture("uint8"), rowsperstrip=HEIGHT)
    (tmp_path / "a.tif").write_bytes((tmp_path / "a.tif").read_bytes()[:-1])
    with pytest.raises(DenoiseError, match="cut short"):
        open_windows(tmp_path / "a.tif")


def test_of_one_strip_without_compression_only_the_window_is_read(tmp_path: Path) -> None:
    import tracemalloc

    whole = np.zeros((2000, 1500, 3), np.uint16)
    tifffile.imwrite(tmp_path / "a.tif", whole, photometric="rgb", rowsperstrip=2000)
    source = open_windows(tmp_path / "a.tif")
    assert source is not None
    tracemalloc.start()
    source.read(0, slice(1000, 1100), slice(700, 800))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < whole.nbytes / 50


def test_what_tifffile_has_to_say_is_not_heard(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "a.tif").write_bytes(b"II*\0 broken")
    with pytest.raises(DenoiseError, match="damaged or incomplete"):
        open_windows(tmp_path / "a.tif")
    assert not caplog.records


def test_alpha_is_no_colour(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", picture("uint8", 4), photometric="rgb", extrasamples=["unassalpha"])
    source = open_windows(tmp_path / "a.tif")
    assert source is not None
    assert (source.kind.samples, source.kind.colours, source.kind.alpha) == (4, 3, 0)


@pytest.mark.parametrize("dtype", ["uint8", ">f4", "float64"])
def test_npy_windows_are_the_pixels(tmp_path: Path, dtype: str) -> None:
    np.save(tmp_path / "a.npy", picture(dtype))
    same(tmp_path / "a.npy", picture(dtype))
    np.save(tmp_path / "b.npy", picture(dtype, 3))
    same(tmp_path / "b.npy", picture(dtype, 3))
    stack = np.stack([picture(dtype) + number for number in range(6)])
    np.save(tmp_path / "c.npy", stack)
    same(tmp_path / "c.npy", stack, axes="ZYX")
    np.save(tmp_path / "d.npy", np.asfortranarray(stack))
    same(tmp_path / "d.npy", stack, axes="ZYX")


@pytest.mark.parametrize("version", [2, 3])
def test_zarr_windows_are_the_pixels(tmp_path: Path, version: int) -> None:
    zarr = pytest.importorskip("zarr")
    whole = picture("uint16")
    array = zarr.create_array(tmp_path / "a.zarr", shape=whole.shape, chunks=(40, 64), dtype=whole.dtype, zarr_format=version)
    array[:] = whole
    same(tmp_path / "a.zarr", whole)


def test_a_palette_is_read_whole(tmp_path: Path) -> None:
    colours = np.zeros((3, 256), np.uint16)
    tifffile.imwrite(tmp_path / "a.tif", picture("uint8"), photometric="palette", colormap=colours)
    assert open_windows(tmp_path / "a.tif") is None


def test_a_folder_that_is_no_store_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(DenoiseError, match="no Zarr store"):
        open_windows(tmp_path)


def test_tables_give_back_what_was_written_by_windows(tmp_path: Path) -> None:
    whole = np.random.default_rng(1).random((2, 30, 40, 3)).astype(np.float32)
    table = RawTable.npy(tmp_path / "t.npy", whole.shape, whole.shape, whole.dtype)
    for plane, rows, columns in ((0, slice(0, 17), slice(0, 40)), (0, slice(17, 30), slice(0, 40)), (1, slice(0, 30), slice(0, 9))):
        table.write(plane, rows, columns, whole[plane, rows, columns])
    table.write(1, slice(0, 30), slice(9, 40), whole[1, :, 9:])
    np.testing.assert_array_equal(np.load(tmp_path / "t.npy"), whole)
    np.testing.assert_array_equal(table.read(1, slice(5, 9), slice(8, 12)), whole[1, 5:9, 8:12])


@pytest.mark.parametrize("size", [(600, 600), (1, 5000), (5000, 3), (130, 977)])
@pytest.mark.parametrize("chunk", [(1, 4096), (64, 64), (600, 600)])
def test_tiles_cover_every_pixel_once_within_their_budget(size: tuple[int, int], chunk: tuple[int, int]) -> None:
    halo, most = 10, 6000
    found = cut(size, halo, most, chunk)
    assert found is not None
    covered = np.zeros(size, int)
    for tile in found.tiles:
        covered[tile.rows, tile.columns] += 1
        rows, columns = tile.window
        assert (rows.stop - rows.start) * (columns.stop - columns.start) <= most
        assert rows.start in (0, tile.rows.start - halo)
        assert columns.stop in (size[1], tile.columns.stop + halo)
    assert (covered == 1).all()
