"""The report on a run, written while it runs: a line of data a picture, then the table, so that memory does not grow with the batch."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, BinaryIO

from denoise_cli.page.document import Document, data, marker

__all__ = ["EarlierPage", "ReportPage"]

#: The marker of a report stands within so many bytes of its beginning.
HEAD_BYTES = 1000


class ReportPage:
    """Takes rows as they come, and writes the page whenever it is asked to; `spool` holds the crops meanwhile."""

    def __init__(self, spool: BinaryIO) -> None:
        self._spool = spool
        self._rows: list[dict[str, Any]] = []

    def add(self, row: Mapping[str, Any], crops: Mapping[str, Any] | bytes | None) -> None:
        """A picture: its row of the table, and its crops, new or as the line of an earlier page."""
        number = len(self._rows)
        self._rows.append({**row, "crops": None if crops is None else number})
        if isinstance(crops, bytes):
            self._spool.write(data(f"crops-{number}", json.loads(crops)).encode())
        elif crops is not None:
            self._spool.write(data(f"crops-{number}", crops).encode())

    def write(self, stream: BinaryIO, title: str, run: Mapping[str, Any]) -> None:
        """The whole page, with what is to be said about the run."""
        document = Document("report", title)
        stream.write(document.beginning.encode())
        self._spool.seek(0)
        shutil.copyfileobj(self._spool, stream)
        stream.write(data("run", {**run, "rows": self._rows}).encode())
        stream.write(document.end.encode())


@dataclass
class EarlierPage:
    """A report of an earlier run, whose rows a run that goes on can take over."""

    stream: BinaryIO
    rows: dict[str, dict[str, Any]] = field(default_factory=dict)
    _places: dict[int, tuple[int, int]] = field(default_factory=dict)

    @staticmethod
    def is_one(beginning: bytes) -> bool:
        """Whether a file that begins like this is a report of ours."""
        return f'<meta name="generator" content="{marker("report")}">'.encode() in beginning[:HEAD_BYTES]

    @classmethod
    def of(cls, stream: BinaryIO) -> EarlierPage:
        """What a report holds; nothing where it is damaged."""
        page, at = cls(stream), 0
        for line in stream:
            found = re.match(rb'<script type="application/json" id="(?:crops-(\d+)|run)">', line)
            if found and found[1]:
                page._places[int(found[1])] = at + found.end(), len(line) - found.end()
            elif found:
                page.rows = _rows_of(line[found.end() :])
            at += len(line)
        return page

    def crops(self, row: Mapping[str, Any]) -> bytes | None:
        """The crops of a row, as they stand in the page."""
        place = self._places.get(row["crops"]) if isinstance(row.get("crops"), int) else None
        if place is None:
            return None
        self.stream.seek(place[0])
        return _without_end(self.stream.read(place[1]))


def _without_end(text: bytes) -> bytes:
    return text.rstrip().removesuffix(b"</script>")


def _rows_of(text: bytes) -> dict[str, dict[str, Any]]:
    try:
        return {row["output"]: row for row in json.loads(_without_end(text))["rows"]}
    except (ValueError, KeyError, TypeError):
        return {}
