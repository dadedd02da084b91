"""The house is tidy: files that can be read in one go, and one name for one thing."""

from __future__ import annotations

import ast
from collections import defaultdict
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[2] / "denoise_cli"
MODULES = sorted(path.relative_to(PACKAGE) for path in PACKAGE.rglob("*.py"))
#: Lines. Longer files hold two thoughts.
LONGEST = 250

#: Longer than that, each with the reason.
LONG_FILES: dict[str, str] = {
    "formats/picture.py": "a page and a picture, which everything else in the room is about",
    "formats/tiff.py": "what is read has to be written back tag by tag: both halves in one place",
}
#: Names of several modules, each with the reason.
SHARED_NAMES: dict[str, str] = {
    "__init__": "Python's own",
    "__main__": "Python's own",
}
#: Names of several public classes, each with the reason.
SHARED_CLASSES: dict[str, str] = {}


@pytest.mark.parametrize("path", MODULES, ids=str)
def test_a_file_can_be_read_in_one_go(path: Path) -> None:
    lines = len((PACKAGE / path).read_text(encoding="utf-8").splitlines())
    assert lines <= LONGEST or path.as_posix() in LONG_FILES, f"{path} has {lines} lines"


def test_no_two_modules_have_one_name() -> None:
    places = defaultdict(list)
    for path in MODULES:
        # The module of a command is called as the command, whatever else has that name.
        name = path.parent.name if path.stem == "__init__" else path.stem
        if path.parts[:2] != ("cli", "commands"):
            places[name].append(path.as_posix())
    assert {name: where for name, where in places.items() if len(where) > 1 and name not in SHARED_NAMES} == {}


def public_classes(path: Path) -> set[str]:
    tree = ast.parse((PACKAGE / path).read_text(encoding="utf-8"))
    return {node.name for node in tree.body if isinstance(node, ast.ClassDef) and not node.name.startswith("_")}


def test_no_two_public_classes_have_one_name() -> None:
    places = defaultdict(list)
    for path in MODULES:
        for name in public_classes(path):
            places[name].append(path.as_posix())
    assert {name: where for name, where in places.items() if len(where) > 1 and name not in SHARED_CLASSES} == {}


def test_long_files_that_are_excused_exist() -> None:
    assert set(LONG_FILES) <= {path.as_posix() for path in MODULES}


def test_every_module_opens_with_what_it_is_for() -> None:
    for path in MODULES:
        told = ast.get_docstring(ast.parse((PACKAGE / path).read_text(encoding="utf-8")))
        assert told or path.name == "__main__.py", f"{path} has no docstring"
