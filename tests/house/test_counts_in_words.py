"""A thousand pixels, pages or files are written 1,000 wherever they are counted."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from denoise_cli.plural import counted

PACKAGE = Path(__file__).parents[2] / "denoise_cli"
#: `extras` is a tool of its own, whose tables are small.
MODULES = sorted(path.relative_to(PACKAGE) for path in PACKAGE.rglob("*.py") if path.parts[len(PACKAGE.parts)] != "extras")
NOUNS = re.compile(
    r" (pixels?|voxels|values?|pages|slices|frames|files|pictures|images|inputs|volumes|tiles|sweeps|bytes|done|skipped|failed)\b"
)
#: What is not a count, or is a sentence by itself.
OTHERS = {"result", "label", "pixels.dtype", "' and '.join(kinds)", "' × '.join(map(str, shape))", "' × '.join(map(str, reversed(shape)))"}


def uncounted(path: Path) -> list[str]:
    """The numbers of a module that stand before such a noun without a comma for thousands. Sides ("640 × 480 pixels") and constants are
    none."""
    found = []
    for node in ast.walk(ast.parse((PACKAGE / path).read_text(encoding="utf-8"))):
        parts = node.values if isinstance(node, ast.JoinedStr) else []
        for before, number, after in zip([ast.Constant(""), *parts], parts, parts[1:], strict=False):
            if isinstance(number, ast.FormattedValue) and number.format_spec is None and isinstance(after, ast.Constant):
                is_side = isinstance(before, ast.Constant) and str(before.value).endswith("× ")
                name = ast.unparse(number.value)
                if NOUNS.match(str(after.value)) and not is_side and not name.isupper() and name not in OTHERS:
                    found.append(f"{name}{str(after.value)[:12]}")
    return found


@pytest.mark.parametrize("path", MODULES, ids=str)
def test_counts_have_a_comma_for_thousands(path: Path) -> None:
    assert uncounted(path) == []


def test_counts_in_words_have_one() -> None:
    assert [counted(number, "pixel") for number in (0, 1, 999, 5278)] == ["0 pixels", "1 pixel", "999 pixels", "5,278 pixels"]
