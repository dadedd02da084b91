"""Names behind which there is no file: what is said about them."""

from __future__ import annotations

import re
from pathlib import Path

__all__ = ["no_such_file"]

#: Path makes one slash of the two in https://.
ADDRESS = re.compile(r"^([a-z][a-z0-9+.-]{1,9}):/{1,2}(?=[^/])", re.IGNORECASE)


def no_such_file(path: Path) -> str:
    """The name, the trouble, the way out. An address on the network is no file."""
    address = ADDRESS.sub(r"\1://", str(path))
    if path.is_symlink():
        return f"{path}: no such file behind this link, which leads to {path.readlink()}; mend the link"
    if address == str(path) and "://" not in address:
        return f"{path}: no such file; check the name"
    return f"{address}: is an address, and denoise reads files; download it first"
