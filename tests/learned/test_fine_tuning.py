"""Fine-tuning in small: what cameras deliver, the mean of exposures, and the teacher in eight orientations."""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("cv2")


def test_without_noise_an_exposure_is_the_mean_of_the_others_and_without_settings_the_scene() -> None:
    from training.exposures import Camera, exposures

    rng = np.random.default_rng(0)
    clean = rng.uniform(0.1, 0.9, (32, 32, 3)).astype(np.float32)
    camera = dataclasses.replace(Camera.drawn(rng), photons=0.0, read=0.0, saturation=0.0)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Camera, "drawn", classmethod(lambda *_: camera))
        picture, mean = exposures(clean, rng)
    np.testing.assert_allclose(picture, mean, atol=2e-6)

    plain = dataclasses.replace(camera, radii=(), softness=0.0, sharpening=0.0, jpeg=None)
    raw = clean ** np.float32(plain.gamma) / plain.balance
    np.testing.assert_allclose(plain.finished(plain.exposed(raw, rng), []), clean, atol=2e-5)


def test_the_target_is_as_near_to_the_mean_of_many_exposures_as_the_mean_of_three_is() -> None:
    from training.exposures import OTHERS, Camera, bands

    rng = np.random.default_rng(1)
    scene = np.full((48, 48, 3), 0.4, np.float32)
    camera = dataclasses.replace(Camera.drawn(rng), photons=1e-3, read=2e-3, radii=(0.7, 1.4, 3.0), jpeg=None)
    raw = scene ** np.float32(camera.gamma) / camera.balance
    deviations = [band.std((0, 1)) for band in bands(camera.exposed(raw, rng) - camera.developed(raw), camera.radii)[0]]
    made = np.stack([camera.finished(camera.exposed(raw, rng), deviations) for _ in range(60)])
    one = made.var(0).mean()
    means = made.reshape(-1, OTHERS, *scene.shape).mean(1)
    assert means.var(0).mean() == pytest.approx(one / OTHERS, rel=0.1)


def test_a_cameras_noise_reduction_takes_off_what_is_weak_and_leaves_what_is_strong() -> None:
    from training.exposures import garrote, soft, wiener

    band = np.array([-4.0, -0.5, 0.0, 0.5, 4.0], np.float32)
    np.testing.assert_allclose(soft(band, 1.0), [-3, 0, 0, 0, 3], atol=1e-6)
    np.testing.assert_allclose(garrote(band, 1.0), [-3.75, 0, 0, 0, 3.75], atol=1e-6)
    np.testing.assert_allclose(wiener(band, 1.0), [-64 / 17, -0.1, 0, 0.1, 64 / 17], atol=1e-6)


def test_soft_patches_are_parts_that_were_enlarged() -> None:
    from training import exposures as module

    y, x = np.mgrid[:64, :64].astype(np.float32)
    ramps = np.stack([x, y, x + y], -1) / 256
    slopes = []
    for seed in range(40):
        made = module.enlarged(ramps, np.random.default_rng(seed))
        assert made.shape == ramps.shape
        assert made.dtype == np.float32
        slopes.append(256 * float(np.median(np.diff(made[..., 0], axis=1))))
    enlarged = [slope for slope in slopes if slope < 0.999]
    assert 10 < len(enlarged) < 30
    assert min(enlarged) > 0.9 / module.LARGER[1]
    assert max(enlarged) < 1.05 / module.LARGER[0]


def test_a_texture_repeats_itself_after_each_period_and_a_piece_of_a_photograph_stays_what_it_is() -> None:
    from training import textures

    rng = np.random.default_rng(2)
    v, u = np.mgrid[:48, :48].astype(np.float32) / 8
    clean = rng.random((48, 48, 3), np.float32)
    for _ in range(20):
        for made in (textures.waves(u, v, 8, rng), textures.repeated(u, v, 8, clean, rng)):
            assert made.std() > 0.05
            np.testing.assert_allclose(made[8:], made[:-8], atol=1e-4)
            np.testing.assert_allclose(made[:, 8:], made[:, :-8], atol=1e-4)
    cuts = np.lib.stride_tricks.sliding_window_view(clean, (8, 8), (0, 1))
    assert np.abs(cuts - made[:8, :8].transpose(2, 0, 1)).max((2, 3, 4)).min() < 1e-4


def test_a_texture_lies_over_a_part_of_the_patch_with_the_contrasts_that_are_named() -> None:
    from training.textures import CONTRASTS, woven

    clean = np.full((64, 64, 3), 0.5, np.float32)
    clean[::7] = 0.55
    changes = []
    for seed in range(200):
        made = woven(clean, np.random.default_rng(seed))
        assert (made.shape, made.dtype) == (clean.shape, np.float32)
        assert 0 <= made.min() <= made.max() <= 1
        changes.append(float(np.median(made.std((0, 1)))))
    assert CONTRASTS[0] / 2 < np.quantile(changes, 0.2) < np.quantile(changes, 0.8) < CONTRASTS[1]
    np.testing.assert_array_equal(woven(clean, np.random.default_rng(3)), woven(clean, np.random.default_rng(3)))


def test_the_level_of_noise_in_clumps_is_told_as_wrong_as_it_is_estimated() -> None:
    from training.noise import FOUND, SPREAD, told

    rng = np.random.default_rng(4)
    error = rng.normal(0, 0.02, (16, 16, 3)).astype(np.float32)
    found = [math.log(float(told(error, error, rng).mean()) / 0.02) for _ in range(400)]
    assert np.mean(found) == pytest.approx(FOUND, abs=0.1)
    assert np.std(found) == pytest.approx(SPREAD, abs=0.06)


def test_eight_orientations_are_eight_and_come_back() -> None:
    from training.fine_tune import turned, turned_back

    square = torch.rand(1, 1, 8, 8)
    ways = [turned(square, way) for way in range(8)]
    assert len({tuple(way.flatten().tolist()) for way in ways}) == 8
    for way, made in enumerate(ways):
        torch.testing.assert_close(turned_back(made, way), square, rtol=0, atol=0)


def test_the_loss_is_that_of_the_teachers_mean_for_known_noise_and_of_the_target_for_exposures(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import contextlib

    from training import fine_tune as module
    from training.model import Network
    from training.train import FLOOR

    monkeypatch.setattr(module, "half_precision", lambda _: contextlib.nullcontext())
    torch.manual_seed(1)
    teachers = (Network(1), Network(1))
    for index, teacher in enumerate(teachers):
        torch.nn.init.normal_(teacher.tail.weight, std=0.01 * (index + 1))
        torch.save(teacher.state_dict(), tmp_path / f"{index}.pt")
    run = module.FineTuning(tmp_path / "run", 1, tmp_path / "0.pt", "cpu", (tmp_path / "0.pt", tmp_path / "1.pt"))
    run.step = 13
    first, second = run.ways()
    assert (first, second) == (5, 7)
    picture, level, target = torch.rand(3, 1, 16, 16), torch.rand(3, 1, 16, 16), torch.rand(3, 1, 16, 16)
    value, gradients = run.gradients([picture, level, target, torch.tensor([module.KNOWN, module.CLUMPS, module.UNTAUGHT])])

    expected = 0.0
    with torch.no_grad():
        for index in range(3):
            here, told = picture[index : index + 1], level[index : index + 1]
            result, wanted = teachers[0](here, told), target[index : index + 1]
            if index == 2:
                expected += float(torch.log((result - wanted).square().mean() + FLOOR))
                continue
            # Way 5 mirrors left and right and turns by a quarter, way 7 by three quarters.
            one = torch.rot90(teachers[index](*(torch.rot90(some.flip(-1), 1, (2, 3)) for some in (here, told))), -1, (2, 3)).flip(-1)
            other = torch.rot90(teachers[index](*(torch.rot90(some.flip(-1), 3, (2, 3)) for some in (here, told))), -3, (2, 3)).flip(-1)
            mean = (one + other) / 2
            aim = 0.85 * mean + 0.15 * wanted
            expected += float((result - aim).square().mean() / ((mean - wanted).square().mean() + FLOOR))
    assert float(value) == pytest.approx(expected / 3, rel=1e-4)
    assert any(float(gradient.abs().max()) > 0 for gradient in gradients)


def test_shares_of_more_than_all_samples_are_refused(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    from training import fine_tune

    words = ["photographs", "run", "--teacher", "weights.pt", "--steps", "1", "--exposed", "0.8", "--woven", "0.3"]
    monkeypatch.setattr("sys.argv", ["fine_tune", *words])
    with pytest.raises(SystemExit):
        fine_tune.main()
    assert "together at most 1" in capsys.readouterr().err
