"""Options that several commands have, each declared once."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from denoise_cli.formats.known import writable
from denoise_cli.settings import MAX_PIXELS

__all__ = ["AXES", "VOLUME", "Csv", "Json", "MaxPixels", "Overwrite", "PictureFormat", "Quiet", "Recursive", "Workers", "declared"]


def declared(help: str, *flags: str, **details: Any) -> Any:
    """An option of a command; its help says the default itself."""
    return typer.Option(*flags, help=help, show_default="[default:" not in help, **details)


AXES = declared("What the axes of the file mean, such as ZYX. [default: as the file says]", "--axes", metavar="LETTERS")
VOLUME = declared("The pages are slices of a volume, or frames of a scene. [default: each page by itself]", "--volume")
Csv = Annotated[Path | None, declared("The table as CSV; - for stdout. [default: none]", "--csv", metavar="FILE.csv")]
Json = Annotated[bool, declared("JSON on stdout instead of the table. [default: no]", "--json")]
MaxPixels = Annotated[int, declared(f"Refuse larger pictures. [default: {MAX_PIXELS}, 16384²]", metavar="N", min=1)]
Overwrite = Annotated[bool, declared("Replace files that exist. [default: refuse]", "--overwrite")]
if TYPE_CHECKING:
    PictureFormat = str
else:
    PictureFormat = Literal[writable()]
Quiet = Annotated[bool, declared("Say nothing but errors. [default: one line a picture]", "-q", "--quiet")]
Recursive = Annotated[bool, declared("Folders within folders too. [default: no]", "--recursive", "-r")]
Workers = Annotated[int | None, declared("Threads. [default: all cores]", metavar="N", min=1)]
