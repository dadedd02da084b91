"""Plain words → values, at once: Typer asks pydantic about every value, and pydantic takes as long to import as NumPy."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from enum import Enum
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

__all__ = ["quicken"]

# What Python and pydantic read alike, and nothing else.
NUMBERS = {int: re.compile(r"0|[1-9][0-9]{0,14}"), float: re.compile(r"(0|[1-9][0-9]{0,14})(\.[0-9]{1,15})?(e-?[1-9][0-9]?)?")}


class NotPlain(Exception):
    """Typer is to say what it means, or what is wrong with it."""


def quicken(command: Any) -> None:
    """Let the parameters of a Typer command take plain words by themselves; everything else goes to Typer, as does every error.

    A Typer that does not tell the types of its parameters as this one does is left to itself.
    """
    for parameter in command.get_params(command.context_class(command, **command.context_settings)):
        told = getattr(parameter, "type_descriptor", None)
        kind, details = getattr(told, "annotation", None), getattr(told, "parameter_info", None)
        if kind is not None and details is not None and details.parser is None:
            parameter.process_value = _quick(parameter, kind, details)


def _quick(parameter: Any, kind: Any, details: Any) -> Callable[[Any, Any], Any]:
    """A `process_value` for `parameter` that does not need pydantic for plain words."""
    otherwise: Callable[[Any, Any], Any] = parameter.process_value
    several = parameter.multiple or parameter.nargs == -1

    def process(ctx: Any, value: Any) -> Any:
        if parameter.required and not value:
            return otherwise(ctx, value)
        try:
            if value is None:
                converted: Any = () if several else None
            elif several:
                converted = _all(kind, value, details)
            else:
                converted = _one(kind, value, details)
        except NotPlain:
            return otherwise(ctx, value)
        return converted if parameter.callback is None else parameter.callback(ctx, parameter, converted)

    return process


def _all(kind: Any, values: Any, details: Any) -> list[Any]:
    if get_origin(kind) is not list or not isinstance(values, list | tuple):
        raise NotPlain
    (item,) = get_args(kind)
    return [_one(item, value, details) for value in values]


def _one(kind: Any, value: Any, details: Any) -> Any:
    if kind is bool and isinstance(value, bool):
        return value
    if kind in NUMBERS:
        return _number(kind, value, details)
    if isinstance(kind, type) and issubclass(kind, Enum):
        for choice in kind:
            if value is choice or (type(value) is str and value == choice.value):
                return choice
    if get_origin(kind) is Literal and type(value) is str and value in get_args(kind):
        return value
    if type(value) is str and value.isprintable():
        if kind is str:
            return value
        if kind is Path and _needs_no_check(value, details):
            return Path(value)
    raise NotPlain


def _number(kind: type, value: Any, details: Any) -> Any:
    if type(value) is str and NUMBERS[kind].fullmatch(value):
        value = kind(value)
    if type(value) is not kind or not (details.min is None or value >= details.min) or not (details.max is None or value <= details.max):
        raise NotPlain
    return value


def _needs_no_check(name: str, details: Any) -> bool:
    """Whether Typer would take this path as it is: there is nothing there, or something that can be read."""
    unusual = (details.exists, details.writable, details.resolve_path, details.path_type, not details.file_okay, not details.dir_okay)
    return not any(unusual) and (not os.path.exists(name) or os.access(name, os.R_OK))  # noqa: PTH110 - a name, not yet a path
