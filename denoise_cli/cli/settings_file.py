"""Settings files: TOML with the long option names, so that one tuned picture becomes a reproducible batch."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from denoise_cli.cli.options import Request
from denoise_cli.errors import UsageError
from denoise_cli.settings import Option, Settings, options_of
from denoise_cli.storage.writing import appear

__all__ = ["format_config", "read_config", "save_settings"]

KINDS = {bool: "true or false", int: "a whole number", float: "a number", str: "a text in quotes"}


def read_config(path: Path, options: Sequence[Option]) -> dict[str, Any]:
    """The settings in a file, by the names of the options and of their shorthands, as they would be typed.

    Raises UsageError for keys that are no option, and for values of another type.
    """
    import difflib
    import tomllib

    try:
        settings = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(f"{path}: the settings cannot be read ({error.strerror}); check the name") from error
    except UnicodeDecodeError as error:
        raise UsageError(f"{path}: not a TOML file (it is no text in UTF-8); write lines such as  lambda = 0.1") from error
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"{path}: not a TOML file ({error}); write lines such as  lambda = 0.1") from error
    known: dict[str, Option | str] = {}
    for each in options:
        if each.in_file != "no":
            known |= {each.long_name: each} | {value: value for value, _ in each.shorthands}
    found = {}
    for key, value in settings.items():
        if key not in known:
            near = difflib.get_close_matches(key, known, n=1)
            way_out = f"did you mean {near[0]!r}?" if near else f"known are {', '.join(known)}"
            raise UsageError(f"{path}: there is no option {key!r}; {way_out}")
        meant = known[key]
        trouble = f"{path}: {key} = {value!r} should be"
        if isinstance(meant, str):
            found[meant] = _checked(value, bool, trouble)
        elif meant.is_repeatable:
            if not isinstance(value, list):
                raise UsageError(f"{trouble} a list, such as [0, 1]")
            found[meant.name] = [_word(item, meant, trouble) for item in value]
        elif meant.parse is not None:
            found[meant.name] = _word(value, meant, trouble)
        else:
            found[meant.name] = _checked(value, meant.kind, trouble)
    return found


def _word(value: Any, meant: Option, trouble: str) -> str:
    """A value that is parsed when it is typed, as it would be typed."""
    if isinstance(value, bool) or not isinstance(value, str | float | int):
        raise UsageError(f'{trouble} a number, a fraction such as "10/255", or a text in quotes')
    try:
        meant.understand([str(value)] if meant.is_repeatable else str(value))
    except UsageError as error:
        said = str(error).removeprefix(f"--{meant.long_name} must be ").partition(", not ")[0]
        raise UsageError(f"{trouble} {said}") from None
    return str(value)


def _checked(value: Any, wanted: type, trouble: str) -> Any:
    wanted = wanted if wanted in KINDS else str
    is_number = wanted is float and isinstance(value, int)
    if not (isinstance(value, wanted) or is_number) or (wanted is not bool and isinstance(value, bool)):
        raise UsageError(f"{trouble} {KINDS[wanted]}")
    return value


def save_settings(path: Path, settings: Settings, request: Request) -> None:
    """Write what makes the picture, for --config."""
    with appear(path, overwrite=settings.overwrite, option="--save-config") as stream:
        stream.write(settings_text(settings, request).encode())


def settings_text(settings: Settings, request: Request) -> str:
    """What makes the picture, by the long names of the options; defaults are spelled out, so that they cannot change."""
    from denoise_cli.pipeline.plan import options_of as shaping_options

    defaults = shaping_options(settings) | {"weight": "auto" if settings.automatic else None}
    written: dict[str, Any] = {}
    for record in (settings, request):
        for each in options_of(record):
            value = getattr(record, each.name)
            value = defaults.get(each.name) if value is None else value
            if each.in_file == "written" and value is not None and value is not False:
                written[each.long_name] = _spelled(value, each)
    return format_config(written)


def _spelled(value: Any, each: Option) -> Any:
    """A value as TOML can have it, and as it would be typed."""
    if isinstance(value, tuple):
        numbers = [item if math.isfinite(item) else str(item) for item in value]
        return numbers if each.is_repeatable else ",".join(map(repr, numbers))
    return str(value) if isinstance(value, Path) else value


def format_config(settings: Mapping[str, Any]) -> str:
    """The text of a settings file; None is left out."""
    import json

    lines = ["# for denoise PICTURE… --config; what is typed beats what stands here"]
    for key, value in settings.items():
        if value is not None:
            lines.append(f"{key} = {json.dumps(value, ensure_ascii=False)}")
    return "\n".join(lines) + "\n"
