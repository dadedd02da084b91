"""The methods that can be named; whatever lists, checks or runs methods asks here."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from denoise_cli.methods.method import Method
    from denoise_cli.settings import Settings

__all__ = ["ENTRY_POINTS", "find", "having", "known_names", "named_for", "register", "unregister"]

#: Packages that bring a method name it in this group of entry points: `median = my_package:Median`.
ENTRY_POINTS = "denoise_cli.methods"
# Of ours, loaded when they are asked for: --help must not wait for NumPy.
BUILT_IN = {
    "matlab": "denoise_cli.methods.matlab:Matlab",
    "optimal": "denoise_cli.methods.optimal:Optimal",
    "learned": "denoise_cli.methods.learned.by_name:Learned",
}

_places: dict[str, str] = dict(BUILT_IN)
_loaded: dict[str, Method] = {}


def register(method: Method) -> None:
    """Make a method available under its name, for this process. Raises ValueError where the name is taken."""
    if method.name in _places:
        raise ValueError(f"there is a method {method.name!r} already")
    _places[method.name] = ""
    _loaded[method.name] = method


def unregister(name: str) -> None:
    """Take a method out; the others go on without it."""
    _places.pop(name, None)
    _loaded.pop(name, None)


def known_names() -> list[str]:
    """The names of the methods, in the order in which they were registered."""
    return list(_places)


def find(name: str) -> Method:
    """The method of that name. Raises ValueError where there is none."""
    if name not in _places:
        _look_for_entry_points()
    if name not in _places:
        raise ValueError(f"method must be one of {', '.join(_places)}, not {name!r}")
    if name not in _loaded:
        module, _, attribute = _places[name].partition(":")
        _loaded[name] = getattr(import_module(module), attribute)()
    return _loaded[name]


def all_methods() -> Mapping[str, Method]:
    """Every method by its name."""
    return MappingProxyType({name: find(name) for name in known_names()})


def having(option: str) -> list[str]:
    """The names of the methods that take an option."""
    return [name for name, method in all_methods().items() if option in method.options]


def named_for(settings: Settings) -> str | None:
    """The name of the method that settings ask for; None where the picture is to decide.

    A λ that is typed means the MATLAB iteration, the first of the registry that has a λ; a map of λ alone, the first that takes maps; for
    volumes, the first that takes them.
    """
    if settings.method is not None:
        return str(settings.method)
    if settings.automatic:
        return None
    wanted = [name for name, method in all_methods().items() if method.has_weight and (method.takes_volumes or not settings.volume)]
    if settings.weight is None:
        wanted = [name for name in wanted if "lambda_map" in find(name).options]
    if not wanted:
        raise ValueError("lambda has no meaning here: no method that is installed has one")
    return wanted[0]


def _look_for_entry_points() -> None:
    from importlib.metadata import entry_points

    for found in entry_points(group=ENTRY_POINTS):
        _places.setdefault(found.name, found.value)
