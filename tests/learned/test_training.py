"""Training in small: thirty steps on made-up pictures learn, stop, go on, and export to what the engines run."""

from __future__ import annotations

import contextlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")
cv2 = pytest.importorskip("cv2")
pytest.importorskip("onnx")


@pytest.fixture
def photographs(tmp_path: Path) -> Path:
    """Smooth blobs with edges, as little like noise as photographs are."""
    rng = np.random.default_rng(0)
    for index in range(4):
        blobs = cv2.GaussianBlur(rng.random((96, 96, 3)).astype(np.float32), (0, 0), 4)
        cv2.imwrite(str(tmp_path / f"{index}.png"), np.where(blobs > 0.5, 220, blobs * 255).astype(np.uint8))
    return tmp_path


def test_thirty_steps_learn_stop_and_go_on(photographs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from training import train as module
    from training.export import export
    from training.photographs import Photographs
    from training.weights import weights

    # One thread: those of an operator wait for each other, which takes minutes on a machine that is busy.
    torch.set_num_threads(1)
    monkeypatch.setattr(module, "WARM_UP", 1)
    pictures, run = Photographs(photographs), tmp_path / "run"
    known = {"channels": 1, "batch": 2, "size": 32, "rate": 2e-3, "seed": 3}
    straight = module.train(pictures, tmp_path / "straight", steps=30, **known)
    half = module.train(pictures, run, steps=30, halt=15, **known)
    assert half.step == 15
    whole = module.train(pictures, run, steps=30, **known)
    assert whole.step == 30
    for name, values in straight.network.state_dict().items():
        assert torch.allclose(values, whole.network.state_dict()[name], atol=1e-4), name

    blank = module.Training(tmp_path / "blank", 1, None, "cpu")
    patches = pictures.validation(64, 1, 2)
    after, before = (module.validate(some, patches, "cpu") for some in (whole.network, blank.network))
    assert after["50 known"] > before["50 known"] + 1

    from denoise_cli.methods.learned import restore

    export(whole.network.state_dict(), tmp_path / "made.onnx")
    for name, values in weights(tmp_path / "made.onnx").items():
        assert torch.equal(values, whole.network.state_dict()[name].half().float()), name
    picture = np.random.default_rng(0).random((24, 32), np.float32)
    with torch.no_grad():
        expected = whole.network.eval()(torch.from_numpy(picture)[None, None], torch.full((1, 1, 24, 32), 0.1))[0, 0].numpy()
    assert np.abs(restore(picture, 0.1, model=tmp_path / "made.onnx") - expected).max() < 2e-3


@pytest.mark.parametrize("threads", [0, 2])
def test_a_step_is_that_of_the_textbook_however_the_batch_is_shared(tmp_path: Path, threads: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Derivatives by `backward`, and the optimiser that does not fuse: three steps of each give the same weights.

    In single precision: the first step of AdamW goes by the signs of the derivatives, which bfloat16 rounds otherwise for another share.
    """
    from training import train as module

    monkeypatch.setattr(module, "half_precision", lambda _: contextlib.nullcontext())
    torch.manual_seed(0)
    clean = torch.rand(4, 1, 32, 32)
    batch = (clean + 0.1 * torch.randn_like(clean), torch.full_like(clean, 0.1), clean)
    run, plain = (module.Training(tmp_path / name, 1, None, "cpu") for name in ("run", "plain"))
    optimiser = torch.optim.AdamW(plain.network.parameters(), 1e-3, weight_decay=1e-4, fused=False)
    pool = ThreadPoolExecutor(threads, initializer=torch.set_num_threads, initargs=(1,)) if threads else None
    for _ in range(3):
        optimiser.zero_grad()
        with module.half_precision("cpu"):
            result = plain.network(*batch[:2])
        value = module.loss(result.float(), clean)
        value.backward()
        torch.nn.utils.clip_grad_norm_(plain.network.parameters(), 1.0)
        optimiser.step()
        assert float(run.learn(batch, 1e-3, pool)) == pytest.approx(value.item(), abs=2e-3)
    weights = (some.network.state_dict().values() for some in (run, plain))
    difference = max(float((a - b).abs().mean()) for a, b in zip(*weights, strict=True))
    assert difference < 2e-4  # A step moves each weight by 1e-3; the sign of a derivative near zero is left to rounding.


def test_a_colour_network_folded_to_grey_does_to_grey_what_it_did_to_three_copies() -> None:
    from training.model import Network, folded_to_grey

    torch.manual_seed(0)
    colour, grey = Network(3), Network(1)
    torch.nn.init.normal_(colour.tail.weight, std=0.1)
    grey.load_state_dict(folded_to_grey(colour.state_dict()))
    picture, level = torch.rand(1, 1, 16, 24), torch.rand(1, 1, 16, 24)
    with torch.no_grad():
        three = colour(picture.expand(1, 3, 16, 24), level.expand(1, 3, 16, 24)).mean(1, keepdim=True)
        torch.testing.assert_close(grey(picture, level), three, atol=1e-5, rtol=1e-5)


def test_every_kind_of_noise_says_its_level(monkeypatch: pytest.MonkeyPatch) -> None:
    """The level that the network is told is the root mean square of what was added, but for an error that is small here."""
    from training import noise

    monkeypatch.setattr(noise, "FOUND", 0.0)
    monkeypatch.setattr(noise, "SPREAD", 0.1)
    rng = np.random.default_rng(0)
    clean = np.full((64, 64, 3), 0.5, np.float32)
    for kind in (noise.white, noise.growing, noise.smooth, noise.camera):
        for _ in range(10):
            picture, level = kind(clean, rng)
            assert picture.shape == level.shape == clean.shape
            error = float(np.sqrt(np.mean((picture - clean) ** 2)))
            assert abs(np.log(float(np.sqrt(np.mean(level**2))) + 2e-3) - np.log(error + 2e-3)) < 0.5, kind


def test_a_deeper_network_begins_as_the_one_whose_weights_it_is_given() -> None:
    from training.model import Network, begin_with

    torch.manual_seed(0)
    shallow, deep = Network(3, blocks=2), Network(3, blocks=3)
    for parameter in shallow.parameters():
        torch.nn.init.normal_(parameter, std=0.05)
    begin_with(deep, shallow.state_dict())
    picture, level = torch.rand(1, 3, 32, 32), torch.full((1, 3, 32, 32), 0.1)
    with torch.no_grad():
        assert torch.allclose(deep(picture, level), shallow(picture, level), atol=1e-6)
    with pytest.raises(ValueError, match="not the weights of such a network"):
        begin_with(shallow, deep.state_dict())


@pytest.mark.parametrize("channels", [1, 3])
def test_batches_of_the_device_have_the_noise_that_they_tell(photographs: Path, channels: int) -> None:
    from training.device_batches import GROWING, STORED, WHITE, DeviceBatches, FromCPU
    from training.photographs import Photographs

    pictures = Photographs(photographs)
    source = DeviceBatches(pictures, channels, 64, 1, "cpu", room=40)
    source.put(FromCPU(pictures, channels, 64, 1)[0])
    told, found = [], []
    for _ in range(12):
        picture, level, clean = source.batch()
        assert picture.shape == level.shape == clean.shape == (WHITE + GROWING + STORED, channels, 64, 64)
        assert 0 <= float(clean.min()) <= float(clean.max()) <= 1
        for one in range(WHITE):
            if float(level[one].min()) > 0 and float(picture[one].max()) > 1.02:  # told, and not cut off at white
                told.append(float(level[one].square().mean().sqrt()))
                found.append(float((picture[one] - clean[one]).square().mean().sqrt()))
    assert len(told) > 40
    assert np.array(found) == pytest.approx(np.array(told), rel=0.08)


def test_the_store_keeps_pairs_together_while_the_oldest_make_room(photographs: Path) -> None:
    """Sample n has 64·n and a slope from 0 to 63 in its picture, that negated in its level, and twice that in its target."""
    from training.device_batches import DeviceBatches
    from training.photographs import Photographs

    source = DeviceBatches(Photographs(photographs), 1, 8, 1, "cpu", room=6)
    slope = torch.arange(64.0).reshape(8, 8, 1, 1)
    for first in (0, 4, 8):
        numbers = torch.arange(first, first + 4.0).reshape(4, 1, 1, 1, 1)
        source.store.put(((64 * numbers + slope) * torch.tensor([1, -1, 2])[:, None]).half())
    picture, level, target = source.stored(source.store, 200)
    assert torch.equal(level, -picture)
    assert torch.equal(target, 2 * picture)
    numbers = picture.amin((1, 2, 3), keepdim=True) / 64
    assert set(numbers.flatten().tolist()) == {6, 7, 8, 9, 10, 11}
    turned = (picture - 64 * numbers).flatten(1)
    assert torch.equal(turned.sort(1).values, slope.flatten().expand(200, 64))
    assert len(turned.unique(dim=0)) == 8


def test_training_on_the_device_learns(photographs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from training import on_gpu, train
    from training.photographs import Photographs

    torch.set_num_threads(1)
    pictures = Photographs(photographs)
    monkeypatch.setattr(on_gpu, "rate_at", lambda *_: 2e-3)
    runs = [train.Training(tmp_path / name, channels, None, "cpu") for name, channels in (("grey", 1), ("colour", 3))]
    on_gpu.train(pictures, runs, steps=20, size=32, rate=2e-3, seed=1, loaders=0, room=52, first=26)
    patches = pictures.validation(64, 1, 2)
    blank = train.Training(tmp_path / "blank", 1, None, "cpu")
    for run in runs:
        assert run.step == 20
        assert (run.folder / "weights.pt").exists()
    before, after = (train.validate(some, patches, "cpu")["50 known"] for some in (blank.network, runs[0].network))
    assert after > before + 0.3


def test_the_average_of_two_networks_is_between_them_and_of_a_network_with_itself_the_same() -> None:
    from training.average import averaged
    from training.model import Network, begin_with

    torch.manual_seed(0)
    shallow, deep = Network(1, blocks=1), Network(1, blocks=2)
    torch.nn.init.normal_(shallow.tail.weight, std=0.1)
    begin_with(deep, shallow.state_dict())
    same = averaged(shallow.state_dict(), deep.state_dict(), 0.3)
    for name, values in deep.state_dict().items():
        assert torch.allclose(same[name], values, atol=1e-7), name
    half = averaged({"a": torch.ones(2)}, {"a": torch.full((2,), 3.0)}, 0.25)
    assert half["a"].tolist() == [1.5, 1.5]
