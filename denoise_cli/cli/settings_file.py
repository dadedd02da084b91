"""Settings files: TOML with the long option names, so that one tuned picture becomes a reproducible batch."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from denoise_cli.errors import UsageError

__all__ = ["format_config", "number", "read_config"]


def read_config(path: Path, names: Mapping[str, Any]) -> dict[str, Any]:
    """The settings in a file. Raises UsageError for keys that are no option of `names`, and for values of another type."""
    import difflib
    import tomllib

    try:
        settings = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(f"{path}: the settings cannot be read ({error.strerror}); check the name") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"{path}: not a TOML file ({error}); write lines such as  lambda = 0.1") from error
    for key, value in settings.items():
        if key not in names:
            near = difflib.get_close_matches(key, names, n=1)
            way_out = f"did you mean {near[0]!r}?" if near else f"known are {', '.join(names)}"
            raise UsageError(f"{path}: there is no option {key!r}; {way_out}")
        wanted = names[key]
        numeric = wanted in (float, float | str) and isinstance(value, int) and not isinstance(value, bool)
        if not (isinstance(value, wanted) or numeric) or (wanted is not bool and isinstance(value, bool)):
            raise UsageError(f"{path}: {key} = {value!r} should be {_kind(wanted)}")
        if wanted == float | str and isinstance(value, str) and value != "auto":
            try:
                number(value, key, "")
            except UsageError:
                raise UsageError(f"{path}: {key} = {value!r} should be {_kind(wanted)}") from None
    return settings


def format_config(settings: Mapping[str, Any]) -> str:
    """The text of a settings file; None is left out."""
    import json

    lines = ["# for denoise PICTURE… --config; what is typed beats what stands here"]
    for key, value in settings.items():
        if value is not None:
            lines.append(f"{key} = {json.dumps(value, ensure_ascii=False)}")
    return "\n".join(lines) + "\n"


def number(text: str, option: str, wanted: str) -> float:
    """0.04, or a fraction as typed: 10/255. Raises UsageError."""
    above, slash, below = text.partition("/")
    try:
        return float(above) / float(below) if slash else float(above)
    except (ValueError, ZeroDivisionError):
        raise UsageError(f"--{option} must be {wanted}, not {text!r}") from None


def _kind(wanted: Any) -> str:
    return {
        float | str: 'a number, a fraction such as "10/255", or "auto"',
        bool: "true or false",
        int: "a whole number",
        float: "a number",
        str: "a text in quotes",
    }[wanted]
