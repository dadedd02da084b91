"""The shipped weights give the scores that training/scores.json has on record for them, and others do not."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from training.scores import FILE, NETWORKS, fingerprint, scores

#: What rounding on another processor, or NumPy in the place of the runtime, may change, in dB; by 1e-4 in each pixel at most.
ROUNDING_DB = 0.02
#: The same without noise, where the error is as small as that.
ROUNDING_CLEAN_DB = 0.3

recorded = json.loads(FILE.read_text(encoding="utf-8"))


@pytest.mark.parametrize("network", NETWORKS, ids=lambda path: path.stem)
def test_the_shipped_weights_are_those_that_were_measured(network: Path) -> None:
    assert fingerprint(network) == recorded[network.name]["sha256"], "new weights? python -m training.scores"


@pytest.mark.parametrize("network", NETWORKS, ids=lambda path: path.stem)
def test_the_shipped_weights_give_the_scores_on_record(network: Path) -> None:
    found, expected = scores(network), recorded[network.name]["psnr_db"]
    assert found.keys() == expected.keys()
    for case, value in expected.items():
        assert found[case] == pytest.approx(value, abs=ROUNDING_CLEAN_DB if case == "clean" else ROUNDING_DB), case


def test_the_scores_on_record_are_worth_shipping() -> None:
    """Total variation at its best λ reaches 28.8 dB on the whole of camera.png under σ 25; unasked is not far behind told."""
    for record in recorded.values():
        found = record["psnr_db"]
        assert found["25 known"] > 29.5
        assert found["clean"] > 42
        for sigma in (15, 25, 50):
            assert found[f"{sigma} blind"] > found[f"{sigma} known"] - 0.25


def test_another_network_has_other_scores(network: Callable[..., Path]) -> None:
    """The comparison above would notice wrong weights."""
    (grey, expected) = next((path, recorded[path.name]["psnr_db"]) for path in NETWORKS if path.stem == "grey")
    found = scores(grey, model=network())
    assert all(abs(found[case] - expected[case]) > 1 for case in expected)
