"""Puts the tables of docs/numbers.json into README and the pages, between their markers:  python docs/make_numbers.py

    <!-- numbers: NAME -->          every table of the benchmark NAME, with a caption
    <!-- numbers: NAME compact -->  the same, with a shorter caption
    <!-- end: NAME -->

`python -m benchmarks all --json docs/numbers.json` measures; no number between the markers is typed by hand.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
NUMBERS = HERE / "numbers.json"
PLACE = re.compile(r"(<!-- numbers: (?P<name>\w+)(?P<compact> compact)? -->\n).*?(<!-- end: (?P=name) -->)", re.DOTALL)


def pages() -> list[Path]:
    """Every page that may have a table."""
    return [ROOT / "README.md", *sorted(HERE.rglob("*.md"))]


def filled(text: str, numbers: dict[str, Any]) -> str:
    """A page with the tables that its markers name."""
    return PLACE.sub(lambda place: place[1] + shown(numbers[place["name"]], bool(place["compact"])) + place[4], text)


def shown(record: dict[str, Any], compact: bool) -> str:
    """All tables of a benchmark as Markdown, and what they were measured with."""
    parts = []
    for table in record["tables"]:
        if table["title"] and len(record["tables"]) > 1:
            parts.append(table["title"])
        parts.append(markdown(table["header"], table["rows"]))
    return "\n" + "\n\n".join([*parts, caption(record, compact)]) + "\n\n"


def markdown(header: list[str], rows: list[list[str]]) -> str:
    """The first column is text, and so is any that holds none but words; the others are numbers."""
    numeric = [k > 0 and any(re.match(r"[-+−(]?\d", row[k]) for row in rows) for k in range(len(header))]
    rule = "|" + "|".join("---:" if number else "---" for number in numeric) + "|"
    return "\n".join(["| " + " | ".join(header) + " |", rule, *("| " + " | ".join(row) + " |" for row in rows)])


def caption(record: dict[str, Any], compact: bool) -> str:
    """The command, how much of it, with which version, where."""
    machine, versions = record["machine"], record["versions"]
    command = f"`{record['command']}`"
    if compact:
        return f"({command}; {record['scope']}.)"
    load = f", load {machine['load']}" if machine.get("load") is not None else ""
    place = f"{machine['cores']} cores, {machine['processor']}{load}"
    what = ", ".join(f"{name} {number}" for name, number in versions.items() if name in ("denoise-cli", "python", "numpy", "scipy"))
    return f"({command}; {record['scope']}; {record['date']}, {place}; {what}.)"


def main() -> None:
    numbers = json.loads(NUMBERS.read_text(encoding="utf-8"))
    for page in pages():
        old = page.read_text(encoding="utf-8")
        new = filled(old, numbers)
        if new != old:
            page.write_text(new, encoding="utf-8")
            print(page.relative_to(ROOT))


if __name__ == "__main__":
    main()
