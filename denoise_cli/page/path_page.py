"""The path along λ as a page: the picture at every λ, and the command for the one that is chosen."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, BinaryIO

from denoise_cli.page.document import Document, data

__all__ = ["write_path_page"]


def write_path_page(stream: BinaryIO, title: str, path: Mapping[str, Any]) -> None:
    """path : what page/path.js reads: the picture, its steps from the smallest to the largest λ, and what to compare them with."""
    document = Document("path", title)
    stream.write(document.beginning.encode())
    stream.write(data("path", path).encode())
    stream.write(document.end.encode())
