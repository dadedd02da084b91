"""What can be told to a run, once."""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

__all__ = ["MAX_PIXELS", "Settings"]

# 16384²: more than any camera has, and what a computer with 32 GB can solve.
MAX_PIXELS = 2**28
#: Which automatic mode chose: results of another one are made anew. 0.1 had none written down.
AUTOMATIC = 2


@dataclass(frozen=True)
class Settings:
    """What is to be done to a picture; strings, numbers and paths only, so that it can travel to another process."""

    weight: float | None
    fidelity: str | None = "l2"
    method: str | None = None
    sigma: float | None = None
    vst: str | None = None
    iterations: int | None = None
    alpha: float | None = None
    beta: float | None = None
    gap: float | None = None
    tv: str | None = None
    channels: str | None = None
    boundary: str | None = None
    dtype: str = "float32"
    workers: int | None = None
    lambda_map: Path | None = None
    weights: Path | None = None
    mask: Path | None = None
    reference: Path | None = None
    max_pixels: int = MAX_PIXELS
    overwrite: bool = False
    preserve_times: bool = False

    @property
    def automatic(self) -> bool:
        """Whether λ is to be chosen from the picture."""
        return self.weight is None and self.lambda_map is None

    def fingerprint(self) -> dict[str, Any]:
        """What the pixels of a result depend on beside the input; maps by their content."""
        told = {field.name: getattr(self, field.name) for field in fields(self) if field.name not in NO_MATTER}
        plain = {name: _plain(value) for name, value in told.items() if value is not None}
        return plain | {"automatic": AUTOMATIC} if self.automatic else plain


# Settings that leave the pixels as they are.
NO_MATTER = ("workers", "reference", "max_pixels", "overwrite", "preserve_times")


def _plain(value: Any) -> Any:
    return f"{value.name} {_digest(value)}" if isinstance(value, Path) else value


def _digest(path: Path) -> str:
    import hashlib

    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
