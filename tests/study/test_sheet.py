"""Where things land on a contact sheet, in which colours, and what crop is chosen."""

from __future__ import annotations

import numpy as np
import pytest

from denoise_cli.draw.sheet import LONGEST_SIDE, MARK, Tile, contact_sheet, crop_box, difference, shared_scale

COLOUR = (0.2, 0.4, 0.8)


def place(sheet: np.ndarray, colour: tuple[int, ...]) -> tuple[int, int, int, int]:
    """The bounding box (top, left, height, width) of a colour."""
    rows, columns = np.nonzero((sheet == np.array(colour)).all(axis=2))
    return rows.min(), columns.min(), rows.max() - rows.min() + 1, columns.max() - columns.min() + 1


def test_each_pixel_becomes_a_square_of_the_magnification() -> None:
    sheet = contact_sheet([Tile(np.full((7, 5, 3), COLOUR), ("one",))], magnification=9)
    top, left, height, width = place(sheet, (51, 102, 204))
    assert (height, width) == (63, 45)
    assert (sheet[top : top + 63, left : left + 45] == (51, 102, 204)).all()


def test_a_magnified_picture_is_the_picture() -> None:
    picture = np.linspace(0, 1, 12).reshape(3, 4)
    sheet = contact_sheet([Tile(np.full((3, 4, 3), COLOUR)), Tile(picture)], magnification=10)
    top, left, _, width = place(sheet, (51, 102, 204))
    wide = contact_sheet([Tile(np.full((3, 4, 3), COLOUR)), Tile(np.full((3, 4, 3), COLOUR))], magnification=10)
    second = place(wide, (51, 102, 204))[3] - width + left
    drawn = sheet[top + 5 : top + 30 : 10, second + 5 : second + 40 : 10, 0]
    assert (drawn == np.rint(picture * 255)).all()


def test_maps_share_one_scale_with_blue_below_white_and_red_above() -> None:
    weak, strong = np.full((20, 20), -0.1), np.full((20, 20), 0.2)
    tiles = [Tile(np.zeros((20, 20)), below=each) for each in (weak, strong, np.zeros((20, 20)))]
    sheet = contact_sheet(tiles, magnification=2, scale=0.2)
    # Half of the scale is half-way down the colours; all of it is their end; a tile is 40 × 40.
    for colour in ((146, 197, 222), (178, 24, 43), (247, 247, 247)):
        assert (sheet == np.array(colour)).all(axis=2).sum() >= 1600, colour
    assert place(sheet, (146, 197, 222))[1] < place(sheet, (178, 24, 43))[1]


def test_only_the_marked_tile_has_a_coloured_frame() -> None:
    tiles = [Tile(np.full((16, 16), 0.5)), Tile(np.full((16, 16), 0.5), marked=True)]
    sheet = contact_sheet(tiles, magnification=4)
    _, left, height, width = place(sheet, MARK)
    assert (height, width) == (64 + 8, 64 + 8)
    assert left > sheet.shape[1] // 2
    assert not (contact_sheet(tiles[:1]) == np.array(MARK)).all(axis=2).any()


def test_words_appear_and_long_ones_stay_within_their_column() -> None:
    blank, named = (contact_sheet([Tile(np.ones((32, 32)), (line,))], title=None) for line in ("", "λ 0.1 – größer 図.png" * 30))
    assert blank.shape == named.shape
    rows, columns = np.nonzero((blank != named).any(axis=2))
    assert rows.size > 100
    assert columns.max() < blank.shape[1] - 16


def test_a_sheet_of_huge_pictures_stays_within_bounds() -> None:
    picture = np.broadcast_to(np.linspace(0, 1, 6000, dtype=np.float32), (5000, 6000))
    sheet = contact_sheet([Tile(picture, ("a", "b"))] * 6)
    assert max(sheet.shape) <= LONGEST_SIDE
    assert max(contact_sheet([Tile(np.zeros((64, 64)), ("a", "b"))] * 120, magnification=50).shape) <= LONGEST_SIDE


@pytest.mark.parametrize("count", [0, 201])
def test_no_tiles_and_too_many_are_refused(count: int) -> None:
    with pytest.raises(ValueError, match="1 to 200"):
        contact_sheet([Tile(np.zeros((2, 2)))] * count)


def test_one_pixel_has_a_sheet() -> None:
    assert crop_box([np.zeros((1, 1))]) == (0, 0, 1, 1)
    sheet = contact_sheet([Tile(np.zeros((1, 1)), ("a",), below=np.zeros((1, 1)))])
    assert place(sheet, (0, 0, 0))[2:] == (256, 256)


def test_the_crop_lies_where_the_pictures_differ() -> None:
    rng = np.random.default_rng(0)
    scene = rng.random((200, 300))
    changed = scene.copy()
    changed[130:150, 210:230] = 0.5
    x, y, width, height = crop_box([scene, changed], 48)
    assert (width, height) == (48, 48)
    assert x <= 210
    assert x + 48 >= 230
    assert y <= 130
    assert y + 48 >= 150


def test_pictures_that_agree_are_cropped_where_there_is_something_to_see() -> None:
    scene = np.full((100, 400, 3), 0.5)
    scene[60:70, 305:315] = 1
    x, y, width, height = crop_box([scene, scene])
    assert x <= 305 <= 315 <= x + width
    assert y <= 60 <= 70 <= y + height


def test_the_crop_of_a_large_picture_is_found_in_blocks() -> None:
    scene = np.zeros((3000, 2000), np.uint8)
    other = scene.copy()
    other[2950:2990, 1900:1960] = 200
    x, y, width, height = crop_box([scene, other])
    assert x + width <= 2000
    assert y + height <= 3000
    assert x < 1960 <= x + width + 8
    assert y < 2990 <= y + height + 8


def test_the_difference_of_colours_does_not_cancel() -> None:
    clean = np.zeros((1, 2, 3))
    picture = np.array([[[0.1, -0.1, 0.0], [0.2, 0.0, -0.3]]])
    np.testing.assert_allclose(difference(picture, clean), [[0.1, -0.3]])


def test_the_scale_covers_all_but_a_hundredth_and_is_a_round_number() -> None:
    values = np.linspace(-0.25, 0.25, 1001)
    assert shared_scale([values]) == 0.3
    assert shared_scale([values, np.full(2, 50.0)]) == 0.3
    assert shared_scale([np.zeros(9)]) == 1
    assert shared_scale([]) == 1
    assert shared_scale([np.eye(400)[0] * 0.01]) == 0.01
