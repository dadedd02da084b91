"""One HTML file that needs nothing else: styles, scripts and data within, and nothing that was not put there runs."""

from __future__ import annotations

import base64
import hashlib
import html
import json
import math
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

__all__ = ["Document", "data"]

HERE = Path(__file__).parent


class Document:
    """The beginning and the end of a page. Between them go lines of `data`, as many as there are.

    kind: what the page is, "report" or "path": the script and the style of that name are taken, after those that all pages share.

    A content policy lets the browser run this script alone, known by its digest, and load nothing: whatever a file name or a note
    holds, it is text.
    """

    def __init__(self, kind: str, title: str) -> None:
        style = _part("common.css") + _part(f"{kind}.css")
        self._script = _part("common.js") + _part(f"{kind}.js")
        policy = f"default-src 'none'; img-src data:; style-src {_digest(style)}; script-src {_digest(self._script)}"
        self.beginning = (
            "<!doctype html>\n"
            '<html lang="en">\n'
            '<meta charset="utf-8">\n'
            f'<meta name="generator" content="{marker(kind)}">\n'
            f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
            '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
            '<meta name="color-scheme" content="light dark">\n'
            f"<title>{html.escape(_printable(title))}</title>\n"
            f"<style>{style}</style>\n"
            f"{_part(kind + '.html')}"
        )

    @property
    def end(self) -> str:
        """Comes after all data."""
        return f"<script>{self._script}</script>\n</html>\n"


def marker(kind: str) -> str:
    """What tells a page of ours from others."""
    return f"denoise {kind}"


def data(name: str, value: Any) -> str:
    """A line that holds `value` as JSON for the script of the page, which finds it as the element `name`.

    No text can end the element, because the JSON has no "<". Numbers that JSON does not have become null.
    """
    text = json.dumps(_plain(value), ensure_ascii=True, separators=(",", ":"), allow_nan=False).replace("<", "\\u003c")
    return f'<script type="application/json" id="{name}">{text}</script>\n'


def _plain(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_plain(item) for item in value]
    return value


def _printable(text: str) -> str:
    """Without halves of letters, which a file name may hold and UTF-8 does not."""
    return text.encode("utf-8", "replace").decode("utf-8")


def _digest(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


@cache
def _part(name: str) -> str:
    return (HERE / name).read_text(encoding="utf-8")
