"""The tables of measurements in README and on the site are those of docs/numbers.json."""

from __future__ import annotations

import importlib.util
import json
import re
from pathlib import Path
from typing import Any

import pytest

from benchmarks import all as runner

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def maker() -> Any:
    spec = importlib.util.spec_from_file_location("make_numbers", ROOT / "docs" / "make_numbers.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def numbers() -> dict[str, Any]:
    found: dict[str, Any] = json.loads((ROOT / "docs" / "numbers.json").read_text(encoding="utf-8"))
    return found


def test_the_tables_are_those_of_the_file_of_numbers(maker: Any, numbers: dict[str, Any]) -> None:
    named = set()
    for page in maker.pages():
        text = page.read_text(encoding="utf-8")
        assert maker.filled(text, numbers) == text, f"{page.name} is stale: run python docs/make_numbers.py"
        named |= set(re.findall(r"<!-- numbers: (\w+)", text))
        assert len(re.findall("<!-- numbers:", text)) == len(maker.PLACE.findall(text))
    assert named >= {"quality", "choice", "noise", "peers", "iteration", "end_to_end"}


def test_every_number_says_where_it_was_measured(numbers: dict[str, Any]) -> None:
    for name, record in numbers.items():
        assert name in runner.RUNS
        assert record["command"].startswith(("python -m benchmarks ", "denoise "))
        assert "/" not in record["command"].replace("25/255", "")
        assert record["machine"]["cores"] >= 1
        assert "python" in record["versions"]
        for table in record["tables"]:
            assert all(len(row) == len(table["header"]) for row in table["rows"])


def test_tables_are_read_out_of_what_a_benchmark_prints() -> None:
    printed = "some words\n\n### L2\n\n| λ | ms |\n|---|---:|\n| 0.1 | 4 |\n| 0.2 | 6 |\n\n| a \\| b |\n|---|\n| 1 |\n2 cores\n"
    first, second = runner.tables(printed)
    assert first == {"title": "L2", "header": ["λ", "ms"], "rows": [["0.1", "4"], ["0.2", "6"]]}
    assert second == {"title": "", "header": ["a \\| b"], "rows": [["1"]]}


def test_every_benchmark_that_is_run_exists(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    for name, run in runner.RUNS.items():
        if not run.tool:
            assert (ROOT / "benchmarks" / f"{run.full.split()[0]}.py").is_file(), name


def test_the_runner_keeps_what_it_does_not_measure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "numbers.json"
    file.write_text('{"peers": 1}', encoding="utf-8")
    record = {"command": "x", "tables": []}
    monkeypatch.setattr(runner, "measured", lambda *_: record)
    monkeypatch.setattr("sys.argv", ["all", "--json", str(file), "--only", "parts"])
    assert runner.main() == 0
    assert json.loads(file.read_text(encoding="utf-8")) == {"peers": 1, "parts": record}
