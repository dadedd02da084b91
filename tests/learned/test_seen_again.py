"""`optimal` hears two witnesses of noise in clumps: what calm places hold, and what the network removes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy.ndimage import gaussian_filter

from denoise_cli.measure.scale import Scale
from denoise_cli.methods.learned import blind_run
from denoise_cli.methods.learned.network import restore
from denoise_cli.methods.learned.seen_again import seen_again
from denoise_cli.methods.method import Subject
from denoise_cli.noise.model import Noise
from denoise_cli.noise.second_opinion import spectrum_from_both
from denoise_cli.noise.spectrum import RINGS, Spectrum
from denoise_cli.pipeline.plan import make_plan
from denoise_cli.settings import Settings

DENSITY = tuple(((1e-3 / (1 + ring),),) for ring in range(len(RINGS) - 1))


def pieces(noise: np.ndarray, share: float) -> list[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    return [(0.5 + noise, share * noise, np.ones((*noise.shape[:2], 1), bool))]


@pytest.mark.parametrize("share", [1.0, 0.5, 0.25])
def test_noise_is_told_whatever_part_of_it_the_denoiser_removes(share: float) -> None:
    noise = Spectrum(DENSITY).draw((192, 192), np.random.default_rng(0))
    told = spectrum_from_both(None, pieces(noise, share))
    assert told is not None
    assert told.sigmas[0] == pytest.approx(noise.std(), rel=0.5)
    found = spectrum_from_both(Spectrum(DENSITY), pieces(noise, share))
    assert found is not None
    assert found.sigmas[0] == pytest.approx(noise.std(), rel=0.3)


def test_calm_places_that_were_cleared_do_not_decide_alone() -> None:
    noise = Spectrum(DENSITY).draw((192, 192), np.random.default_rng(1))
    true = float(noise.std())
    noise[:, :48] /= 4  # what JPEG does to calm places
    calm_only = Spectrum(tuple(((ring[0][0] / 16,),) for ring in DENSITY))
    told = spectrum_from_both(calm_only, pieces(noise, 0.9))
    assert told is not None
    assert abs(np.log(told.sigmas[0] / true)) < 0.5 * abs(np.log(calm_only.sigmas[0] / true))


def test_texture_that_the_denoiser_leaves_alone_counts_for_less() -> None:
    noise = Spectrum(DENSITY).draw((192, 192), np.random.default_rng(2))
    texture = Spectrum(tuple(((25 * ring[0][0],),) for ring in DENSITY))
    told = spectrum_from_both(texture, [(noise + 0.5, noise, np.ones((192, 192, 1), bool))])
    assert told is not None
    assert told.sigmas[0] < 0.8 * texture.sigmas[0]


@pytest.mark.parametrize(("levels", "is_a_cameras"), [((1.0, 0.9, 1.7), True), ((1.25, 1.25, 1.25), False)])
def test_noise_that_is_nearly_white_is_a_cameras_where_colours_are_unlike(levels: tuple[float, ...], is_a_cameras: bool) -> None:
    """White noise of which calm places show four fifths: of equal level in all colours it is what it seems, else a camera made it."""
    from denoise_cli.methods.learned.seen_again import _clumps_unseen

    removed = np.random.default_rng(4).standard_normal((192, 192, 3)) * np.array(levels) * 10 / 255
    seen = blind_run.Removed([(removed + 0.5, removed, np.ones((192, 192, 1), bool))])
    found = Noise.told(tuple(0.8 * level * 10 / 255 for level in levels))
    assert _clumps_unseen(seen, found) == is_a_cameras


def test_noise_is_never_told_far_stronger_than_what_was_removed() -> None:
    noise = Spectrum(DENSITY).draw((192, 192), np.random.default_rng(2))
    removed = [(noise + 0.5, noise, np.ones((192, 192, 1), bool))]
    told = []
    for times in (4, 25, 400):
        texture = Spectrum(tuple(((times * ring[0][0],),) for ring in DENSITY))
        free, bounded = spectrum_from_both(texture, removed), spectrum_from_both(texture, removed, 1.2)
        assert free is not None
        assert bounded is not None
        assert bounded.sigmas[0] == pytest.approx(1.2 * noise.std(), rel=0.1)
        told.append(free.sigmas[0])
    assert told[0] < told[1]
    assert told[1] == pytest.approx(told[2]), "beyond twice what follows from it, calm places are not believed"


def test_a_picture_of_too_few_blocks_keeps_what_was_found() -> None:
    small = np.zeros((40, 40, 1), np.float32)
    found = Spectrum(DENSITY)
    assert spectrum_from_both(found, [(small, small, np.ones_like(small, bool))]) is found
    assert spectrum_from_both(None, [(small[:20], small[:20], np.ones((20, 40, 1), bool))]) is None


def test_noise_in_chroma_clumps_that_calm_places_hide_is_removed_by_optimal(samples: Path) -> None:
    clean = np.asarray(Image.open(samples / "coffee.png")) / 255
    rng = np.random.default_rng(3)
    noise = gaussian_filter(rng.standard_normal(clean.shape), (0.8, 0.8, 0))
    page = np.rint(np.clip(clean + 6 / 255 * noise / noise.std(), 0, 1) * 255).astype(np.uint8)
    subject = Subject(page, Scale.of(page), noise=Noise.none(3, "calm places were cleared"))
    told = seen_again(subject, subject.noise or Noise.none(3, ""), workers=1)
    assert told.model == "coloured"
    assert told.sigma * 255 == pytest.approx(6, rel=0.5)
    plan = make_plan(subject, Settings(method="optimal"))
    image = plan.method.run(subject, plan).image
    assert np.mean((image - clean) ** 2) < 0.7 * np.mean((page / 255 - clean) ** 2)


def test_a_clean_photograph_holds_no_noise_for_either(samples: Path) -> None:
    page = np.asarray(Image.open(samples / "coffee.png"))
    subject = Subject(page, Scale.of(page))
    assert seen_again(subject, Noise.none(3, "clean"), workers=1).model == "none"


def test_the_network_runs_once_without_a_level_whoever_asks(samples: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clean = np.asarray(Image.open(samples / "coffee.png")) / 255
    noise = gaussian_filter(np.random.default_rng(3).standard_normal(clean.shape), (0.8, 0.8, 0))
    page = np.rint(np.clip(clean + 8 / 255 * noise / noise.std(), 0, 1) * 255).astype(np.uint8)
    runs = []

    def counted(pixels: np.ndarray, *levels: object, **options: object) -> np.ndarray:
        runs.append(pixels.shape)
        return restore(pixels, *levels, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(blind_run, "restore", counted)
    plan = make_plan(Subject(page, Scale.of(page)), Settings())
    assert plan.noise is not None
    assert plan.noise.model == "coloured"
    assert runs == [page.shape], "a page of less than all pieces is looked at as a whole"


def test_pieces_are_taken_where_pixels_are_known() -> None:
    page = np.random.default_rng(0).integers(0, 255, (400, 500)).astype(np.uint8)
    known = np.zeros(page.shape, bool)
    known[220:, 300:] = True
    seen = blind_run.removed_from(Subject(page, Scale.of(page, known)))
    assert seen is not None
    assert all(there.mean() > blind_run.KNOWN_ENOUGH for _, _, there in seen.pieces)
    assert blind_run.removed_from(Subject(page, Scale.of(page, np.indices(page.shape).sum(axis=0) % 3 == 0))) is None


@pytest.mark.parametrize("shape", [(9, 7), (15, 40), (40, 15, 3)])
def test_a_page_without_a_whole_block_has_no_calm_ones(shape: tuple[int, ...]) -> None:
    page = np.random.default_rng(0).integers(0, 255, shape).astype(np.uint8)
    seen = blind_run.removed_from(Subject(page, Scale.of(page)))
    assert seen is not None
    assert seen.calm == 0
    assert not seen.repeats
    assert len(seen.levels) == (3 if len(shape) == 3 else 1)


def test_clumps_of_one_pixel_are_called_nearly_white() -> None:
    white = tuple(((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0)) for _ in RINGS[:-1])
    assert Spectrum(white).clumped == "noise that is nearly white"
    blotches = tuple(((1.0, 0.0, 0.0), (0.0, c, 0.0), (0.0, 0.0, c)) for c in (9.0, 9.0, 9.0, 1.0, 0.1, 0.1, 0.1, 0.1))
    assert Spectrum(blotches).clumped.startswith("noise that is nearly white in luma, and in clumps of about ")
    assert Spectrum(DENSITY).clumped.startswith("noise in clumps of about ")


def test_white_noise_is_alike_in_luma_and_chroma_and_a_cameras_is_not() -> None:
    noise = np.random.default_rng(4).standard_normal((96, 96, 3)).astype(np.float32)
    known = np.ones((96, 96, 1), bool)
    luma = noise + 2 * noise[:, :, :1]
    assert blind_run.Removed([(noise, noise, known)]).unlike == pytest.approx(1, abs=0.05)
    assert blind_run.Removed([(luma, luma, known)]).unlike > 2
    assert blind_run.Removed([(noise[:, :, :1], noise[:, :, :1], known)]).unlike == 1
