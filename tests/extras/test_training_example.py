"""The training example in docs/, run as a reader would run it. Skipped without PyTorch."""

import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("torch")
EXAMPLE = Path(__file__).parents[2] / "docs" / "ldam_training.py"


def test_deferred_reweighting_finds_the_rare_class_that_cross_entropy_gives_up():
    done = subprocess.run([sys.executable, EXAMPLE, "--epochs", "20"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    header, *rows = done.stdout.splitlines()
    assert header.split()[-1] == "mean"
    recall = {row[:36].strip(): [float(cell) for cell in row[36:].split()] for row in rows}
    *plain, plain_mean = recall["cross-entropy"]
    *ldam, ldam_mean = recall["LDAM, deferred re-weighting"]
    assert len(plain) == len(ldam) == 5
    assert ldam[-1] > plain[-1] + 0.2
    assert ldam_mean > plain_mean + 0.08
