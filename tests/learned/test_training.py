"""Training in small: thirty steps on made-up pictures learn, stop, go on, and export to what the engines run."""

from __future__ import annotations

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
def test_a_step_is_that_of_the_textbook_however_the_batch_is_shared(tmp_path: Path, threads: int) -> None:
    """Derivatives by `backward`, and the optimiser that does not fuse: three steps of each give the same weights."""
    from training import train as module

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


def test_every_kind_of_noise_says_its_level() -> None:
    """The level that the network is told is the root mean square of what was added, within the error of an estimate."""
    from training import noise

    rng = np.random.default_rng(0)
    clean = np.full((64, 64, 3), 0.5, np.float32)
    for kind in (noise.white, noise.growing, noise.smooth, noise.camera):
        for _ in range(10):
            picture, level = kind(clean, rng)
            assert picture.shape == level.shape == clean.shape
            error = float(np.sqrt(np.mean((picture - clean) ** 2)))
            assert abs(np.log(float(np.sqrt(np.mean(level**2))) + 2e-3) - np.log(error + 2e-3)) < 0.5, kind
