"""How mkdocstrings reads our docstrings: behind `name :` stands a description, not a type, which may go on in the next lines.

NumPy's style wants a type there, and the description below. The signature has the types already.
"""

from __future__ import annotations

import re
from typing import Any

import griffe

SECTION = re.compile(r"^(Parameters|Attributes|Returns|Yields|Raises)\n-+$", re.MULTILINE)
ENTRY = re.compile(r"^(?P<names>[\w*]+(?:, [\w*]+)*) : (?P<text>.+)$")


class DescriptionsBehindColons(griffe.Extension):
    """Rewrites each entry of such a section as NumPy's style has it."""

    def on_object(self, *, obj: Any, **_: Any) -> None:
        if obj.docstring is not None and SECTION.search(obj.docstring.value):
            obj.docstring.value = rewritten(obj.docstring.value)


def rewritten(text: str) -> str:
    """The same docstring, with descriptions on lines of their own."""
    lines: list[str] = []
    within = ""
    for line in text.splitlines():
        if SECTION.fullmatch(f"{lines[-1]}\n{line}" if lines else ""):
            within = lines[-1]
        elif re.fullmatch(r"-{3,}", line):
            within = ""
        entry = ENTRY.match(line) if within else None
        lines += [line] if entry is None else [entry["names"], f"    {entry['text']}"]
    return "\n".join(lines) + "\n"
