"""What a part of the model claims about itself, which a subclass does not inherit."""

from __future__ import annotations

from typing import Any, ClassVar

__all__ = ["Claims"]


class Claims:
    """A base class whose attributes named in `claims` hold for the very class that states them.

    "There is compiled code for me", "I am quadratic", "my minimisers stay in the range of the picture": a subclass that computes something
    else would be solved wrongly, and certified falsely, if it inherited such a sentence. So it begins with the modest value that `claims`
    has for each, and says again what still is true of it.
    """

    claims: ClassVar[dict[str, Any]] = {}

    def __init_subclass__(cls, **words: Any) -> None:
        super().__init_subclass__(**words)
        for name, modest in cls.claims.items():
            if name not in vars(cls):
                setattr(cls, name, modest)
