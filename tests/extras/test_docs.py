"""Every command and every Python line of docs/extras.md does what the page shows."""

import doctest
import re
import shlex
import subprocess
import sys
from pathlib import Path

import numpy as np

PAGE = Path(__file__).parents[2] / "docs" / "extras.md"


def words(text):
    """Numbers as floats, so that a last digit may differ between machines; everything else as it stands."""
    for word in re.findall(r"[-+\w.]+|\S", text):
        try:
            yield float(word)
        except ValueError:
            yield word


def test_the_console_examples_are_what_happens(tmp_path):
    blocks = re.findall(r"```console\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    steps = [step.partition("\n") for block in blocks for step in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]]
    assert len(steps) > 15
    python = f"{shlex.quote(sys.executable)} -m denoise_cli.extras"
    for command, _, shown in steps:
        done = subprocess.run(
            command.replace("denoise extras", python),
            shell=True,
            cwd=tmp_path,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
        )
        for actual, expected in zip(words(done.stdout), words(shown), strict=True):
            if isinstance(expected, float):
                np.testing.assert_allclose(actual, expected, rtol=1e-9, atol=1e-12, err_msg=command)
            else:
                assert actual == expected, command


def test_the_python_examples_are_what_happens():
    failed, tried = doctest.testfile(str(PAGE), module_relative=False, encoding="utf-8")
    assert tried > 8
    assert failed == 0
