"""Settings files: TOML with the long option names, so that one tuned picture becomes a reproducible batch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from denoise_cli.errors import UsageError
from denoise_cli.settings import Option

__all__ = ["format_config", "read_config"]

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
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
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


def format_config(settings: Mapping[str, Any]) -> str:
    """The text of a settings file; None is left out."""
    import json

    lines = ["# for denoise PICTURE… --config; what is typed beats what stands here"]
    for key, value in settings.items():
        if value is not None:
            lines.append(f"{key} = {json.dumps(value, ensure_ascii=False)}")
    return "\n".join(lines) + "\n"
