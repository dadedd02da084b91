"""The pictures that the guides name."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture(scope="session")
def make_guide_pictures() -> Callable[..., object]:
    """make_guide_pictures(folder, side) draws them there, as docs/make_guide_pictures.py does."""
    source = Path(__file__).parents[2] / "docs" / "make_guide_pictures.py"
    spec = importlib.util.spec_from_file_location(source.stem, source)
    assert spec is not None
    assert spec.loader is not None
    module: Any = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    drawn: Callable[..., object] = module.main
    return drawn
