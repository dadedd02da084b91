"""What is said of pixels that have no value: NaN, infinity, and what a file or the user declares to mean "nothing was measured"."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from denoise_cli.digits import plain
from denoise_cli.plural import counted

if TYPE_CHECKING:
    from denoise_cli.formats.picture import Page, Picture

__all__ = ["with_valueless_told"]


def with_valueless_told(picture: Picture, *, filled: bool) -> Picture:
    """The same picture, with a note on how many pixels have no value, and what becomes of them; what is transparent is not meant.

    filled : they are filled in.
    """
    count, kinds = 0, dict[str, None]()
    for page in picture.pages:
        here, named = _valueless(page)
        count += here
        kinds |= dict.fromkeys(named)
    if not count:
        return picture
    them = "it" if count == 1 else "them"
    fate = (
        "and is filled in" if filled and count == 1 else "and are filled in" if filled
        else f"and {'comes' if count == 1 else 'come'} back as before (--fill fills {them} in)"
    )  # fmt: skip
    note = f"{counted(count, 'pixel has', 'pixels have')} no value ({', '.join(kinds)}), {fate}"
    return replace(picture, notes=(*picture.notes, note))


def _valueless(page: Page) -> tuple[int, list[str]]:
    """How many visible pixels have no value, and which stored values say so."""
    import numpy as np

    if page.units.known is None:
        return 0, []
    unknown = ~page.units.known
    if page.hidden is not None:
        unknown &= ~page.hidden
    count = int(np.count_nonzero(unknown))
    if not count:
        return 0, []
    stored = page.colour[unknown]
    is_float = stored.dtype.kind == "f"
    meant = ((value, stored.dtype.type(value) if is_float else value) for value in page.nodata if np.isfinite(value))
    named = [plain(value, 9) for value, as_stored in meant if (stored == as_stored).any()]
    if is_float:
        named += [name for name, found in (("NaN", np.isnan(stored)), ("infinite", np.isinf(stored))) if found.any()]
    return count, named
