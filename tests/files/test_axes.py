"""What the axes of arrays and stacks are: said by the file, told, or asked for; and the same in the result."""

from __future__ import annotations

import io
import itertools
import re
from pathlib import Path

import numpy as np
import pytest
import tifffile

from denoise_cli.errors import DenoiseError
from denoise_cli.formats.axes import MEANINGS, Axes, join, split
from denoise_cli.formats.files import encode_picture, read_picture


def npy(array: np.ndarray) -> bytes:
    stream = io.BytesIO()
    np.save(stream, array)
    return stream.getvalue()


def numbered(*shape: int) -> np.ndarray:
    return np.arange(np.prod(shape), dtype=np.uint16).reshape(shape)


@pytest.mark.parametrize("letters", [
    "".join(letters) for count in (2, 3, 4) for letters in itertools.permutations("YXZC"[:count])
] + ["TZCYX", "TSYX", "SYX", "YXS", "XTYZC"])  # fmt: skip
def test_an_array_with_named_axes_is_split_into_pages_and_comes_back(letters):
    sizes = {"Y": 7, "X": 9, "Z": 3, "C": 2, "T": 2, "S": 3}
    array = numbered(*(sizes[letter] for letter in letters))
    picture = read_picture(Path("it"), npy(array), axes=letters)
    samples = [letter for letter in letters if letter == "S" or (letter == "C" and letters.endswith("C"))]
    for page in picture.pages:
        assert page.colour.shape[:2] == (7, 9)
        assert page.colour.ndim == 2 + len(samples)
        # The very values that stand at this place of the array.
        index = dict(page.axes)
        place = tuple(index.get(letter, slice(None)) for letter in letters)
        left = [letter for letter in letters if letter not in index]
        np.testing.assert_array_equal(page.colour, array[place].transpose([left.index(letter) for letter in ["Y", "X", *samples]]))
    again = np.load(io.BytesIO(encode_picture(picture, "npy", Path("it"))[0]))
    assert again.dtype == array.dtype
    np.testing.assert_array_equal(again, array)


def test_a_long_last_axis_is_asked_about_and_up_to_four_are_channels():
    with pytest.raises(DenoiseError, match=r"\(12, 7, 9\) may be 12 pages of 9 × 7 pixels, .* with 9 channels; .*--axes ZYX.*--axes YXC"):
        read_picture(Path("it"), npy(numbered(12, 7, 9)))
    assert read_picture(Path("it"), npy(numbered(12, 7, 4))).pages[0].colour.shape == (12, 7, 4)
    assert len(read_picture(Path("it"), npy(numbered(12, 7, 9)), axes="ZYX").pages) == 12
    assert read_picture(Path("it"), npy(numbered(12, 7, 9)), axes="YXC").pages[0].colour.shape == (12, 7, 9)
    with pytest.raises(DenoiseError, match=r"does not say what its axes are; name them with --axes, such as ZCYX"):
        read_picture(Path("it"), npy(numbered(2, 3, 7, 9)))


@pytest.mark.parametrize(("slices", "letters"), [("Z", "ZYX"), ("T", "TYX")])
def test_an_array_of_three_long_axes_that_is_called_a_volume_is_slices_rows_and_columns(slices, letters):
    array = numbered(12, 7, 9)
    picture = read_picture(Path("it"), npy(array), slices=slices)
    assert [page.axes for page in picture.pages] == [((slices, number),) for number in range(12)]
    np.testing.assert_array_equal(picture.pages[5].colour, array[5])
    assert picture.notes == (f"its axes are not named: --volume takes them as {letters}, and --axes says otherwise",)
    assert read_picture(Path("it"), npy(array), axes=letters, slices=slices).notes == ()


@pytest.mark.parametrize(("shape", "words"), [
    ((12, 7, 3), "7 × 12 pixels with 3 channels, and no volume: leave --volume out; or 12 slices of 3 × 7 pixels: add --axes ZYX"),
    ((3, 7, 9), "3 channels of 9 × 7 pixels: say --axes CYX instead of --volume; or 3 slices of a volume: add --axes ZYX"),
    ((2, 3, 7, 9), "does not say what its axes are; name them beside --volume, such as --axes TZYX"),
    ((12, 7, 9, 3), "does not say what its axes are; name them beside --volume, such as --axes ZYXC"),
    ((2, 3, 5, 7, 9), "does not say what its axes are; name them beside --volume, such as --axes TCZYX"),
])  # fmt: skip
def test_an_array_that_may_hold_colours_is_asked_about_though_it_is_called_a_volume(shape, words):
    with pytest.raises(DenoiseError, match=re.escape(words)):
        read_picture(Path("it"), npy(numbered(*shape)), slices="Z")


@pytest.mark.parametrize(("axes", "words"), [
    ("ZY", "Y and X must be among"), ("ZYXX", "each letter once"), ("QYX", "letter Q is unknown"), ("YX", "names 2 axes"),
    ("TZYX", "names 4 axes"),
    ("SYXC", "both mean the samples"), ("zyx", "letter z is unknown"),
])  # fmt: skip
def test_axes_that_do_not_fit_are_one_line(axes, words):
    with pytest.raises(DenoiseError, match=words):
        read_picture(Path("it"), npy(numbered(12, 7, 9)), axes=axes)


@pytest.mark.parametrize(("shape", "axes", "words"), [
    ((12, 7, 9), "YXZ", "Y and X follow what counts the pages, as in ZYX"), ((12, 7, 9), "YZX", "as in ZYX"),
    ((12, 7, 9), "ZYXC", r"a pixel has one sample; leave the last C out \(ZYX\)"),
    ((7, 9, 3), "YX", r"a pixel has 3 samples; add a last C \(YXC\)"),
])  # fmt: skip
def test_axes_that_no_file_of_pages_can_have_are_refused_and_not_ignored(shape, axes, words):
    data = tiff(numbered(*shape), photometric="rgb" if shape[-1] == 3 else "minisblack")
    with pytest.raises(DenoiseError, match=f"--axes {axes} does not fit: .*{words}"):
        read_picture(Path("it"), data, axes=axes)


def test_axes_that_a_png_in_colour_or_a_volume_of_nifti_cannot_have_are_refused(encoders, draw, tmp_path):
    with pytest.raises(DenoiseError, match=r"--axes YX does not fit: a pixel has 3 samples; add a last C \(YXC\)"):
        read_picture(Path("it"), encoders.pil(draw(3), "PNG"), axes="YX")
    volume = tmp_path / "it.nii"
    nibabel = pytest.importorskip("nibabel")
    nibabel.save(nibabel.Nifti1Image(numbered(12, 7, 9).astype("int16"), None), volume)
    with pytest.raises(DenoiseError, match=r"--axes YXZ does not fit: .*as in ZYX"):
        read_picture(volume, axes="YXZ")
    assert dict(read_picture(volume, axes="TYX").pages[3].axes) == {"T": 3}


def test_axes_of_a_stack_do_not_fit_a_single_picture(encoders, draw):
    with pytest.raises(DenoiseError, match=r"--axes ZYX does not fit a PNG, which is one picture"):
        read_picture(Path("it"), encoders.pil(draw(), "PNG"), axes="ZYX")
    assert len(read_picture(Path("it"), encoders.pil(draw(3), "PNG"), axes="YXS").pages) == 1


def test_frames_of_other_formats_take_a_name_for_their_axis(example_named):
    data = example_named("dicom frames").data
    assert [page.axes for page in read_picture(Path("it"), data).pages] == [(("I", at),) for at in range(4)]
    assert [page.axes for page in read_picture(Path("it"), data, axes="TYX").pages] == [(("T", at),) for at in range(4)]
    with pytest.raises(DenoiseError, match="--axes TZYX does not fit a DICOM, which counts its pages along 1 axis; leave it out"):
        read_picture(Path("it"), data, axes="TZYX")


def tiff(array: np.ndarray, **options: object) -> bytes:
    stream = io.BytesIO()
    tifffile.imwrite(stream, array, **options)
    return stream.getvalue()


@pytest.mark.parametrize("kind", ["imagej", "ome", "shaped"])
@pytest.mark.parametrize("letters", ["ZYX", "TYX", "CYX", "TZCYX"])
def test_a_stack_says_itself_which_page_is_which(kind, letters):
    sizes = {"Y": 27, "X": 39, "Z": 4, "C": 2, "T": 3}
    array = numbered(*(sizes[letter] for letter in letters))
    data = tiff(array, photometric="minisblack", metadata={"axes": letters}, imagej=kind == "imagej", ome=kind == "ome")
    picture = read_picture(Path("it"), data)
    assert [page.axes for page in picture.pages] == [Axes(letters, array.shape).place(at) for at in range(len(picture.pages))]
    for page in picture.pages:
        index = dict(page.axes)
        np.testing.assert_array_equal(page.colour, array[tuple(index[letter] for letter in letters[:-2])])
    last = len(picture.pages)
    assert picture.page_name(0).startswith(f"page 1 of {last} ({letters[0]} 0")
    with tifffile.TiffFile(io.BytesIO(encode_picture(picture, "tiff", Path("it"))[0])) as file:
        assert file.series[0].axes == letters
        np.testing.assert_array_equal(file.series[0].asarray(), array)


def test_ome_pages_in_another_order_than_the_stack_are_named_right():
    array = numbered(2, 3, 7, 9)  # T, C
    order = [(t, c) for c in range(3) for t in range(2)]
    stream = io.BytesIO()
    planes = "".join(f'<TiffData FirstT="{t}" FirstC="{c}" IFD="{at}" PlaneCount="1"/>' for at, (t, c) in enumerate(order))
    xml = (
        '<?xml version="1.0"?><OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06"><Image ID="Image:0"><Pixels ID="Pixels:0" '
        'DimensionOrder="XYCZT" Type="uint16" SizeX="9" SizeY="7" SizeC="3" SizeZ="1" SizeT="2">'
        f'<Channel ID="Channel:0:0" SamplesPerPixel="1"/>{planes}</Pixels></Image></OME>'
    )
    with tifffile.TiffWriter(stream) as writer:
        for at, (t, c) in enumerate(order):
            writer.write(array[t, c], description=xml if at == 0 else None, metadata=None, photometric="minisblack")
    picture = read_picture(Path("it"), stream.getvalue())
    assert [page.axes for page in picture.pages] == [(("T", t), ("C", c)) for t, c in order]


def test_pages_in_a_row_are_named_by_one_letter_and_not_by_two(encoders, draw):
    data = encoders.tiff(*(draw(seed=seed) for seed in range(6)))
    assert read_picture(Path("it"), data).pages[4].axes == ()
    assert read_picture(Path("it"), data, axes="TYX").pages[4].axes == (("T", 4),)
    with pytest.raises(DenoiseError, match="--axes TZYX does not fit 6 pages in a row; name one axis"):
        read_picture(Path("it"), data, axes="TZYX")
    hyper = tiff(numbered(2, 3, 7, 9), imagej=True, metadata={"axes": "ZCYX"})
    assert read_picture(Path("it"), hyper, axes="TCYX").pages[4].axes == (("T", 1), ("C", 1))


def test_a_volume_becomes_a_tiff_with_its_axes_and_an_array_again():
    array = numbered(2, 3, 7, 9)
    picture = read_picture(Path("it"), npy(array), axes="TZYX")
    data, losses = encode_picture(picture, "tiff", Path("it"))
    assert losses == []
    with tifffile.TiffFile(io.BytesIO(data)) as file:
        assert len(file.pages) == 6
        assert file.series[0].axes == "TZYX"
    again = read_picture(Path("it"), data)
    assert [page.axes for page in again.pages] == [page.axes for page in picture.pages]
    np.testing.assert_array_equal(np.load(io.BytesIO(encode_picture(again, "npy", Path("it"))[0])), array)


def test_pages_of_unequal_size_do_not_become_an_array(example_named):
    with pytest.raises(DenoiseError, match=r"pages of different sizes or types do not fit one array; write \.tif"):
        encode_picture(read_picture(Path("it"), example_named("tiff of unequal pages").data), "npy", Path("out"))


def test_the_meanings_of_the_letters_are_listed_and_the_pieces_agree():
    assert set(MEANINGS) >= set("TCZYXS")
    array = numbered(2, 3, 4)
    np.testing.assert_array_equal(join(split(array, "XCY"), Axes("XCY", array.shape)), array)
