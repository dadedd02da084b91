"""Plain words are converted without Typer, and mean what they mean to Typer."""

from __future__ import annotations

import os
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import typer

from denoise_cli.cli import app as cli
from denoise_cli.cli.commands.plot import Against
from denoise_cli.cli.plain_words import quicken

WORDS = [
    "0", "1", "7", "007", "-1", "+1", "12", "1_0", "1e3", "1e-4", "1E-4", "1e05", "0.1", ".5", "5.", "0.10", "1.5", "1/2", "nan", "inf",
    "9" * 15, "9" * 30, "1e308", "1e999", "٣", " 1", "1 ", "1\n", "", " ", "x", "auto", "-", "--", "a\tb", "a\0b", "ä.png", "\udcff.png",
    "matlab", "Matlab", "MATLAB", "optimal", "Method.optimal", "isotropic", "float32", "png", "true", "no", ".", "/", "nowhere/x.png",
]  # fmt: skip
OTHER_VALUES = [None, True, False, 0, 1, 5, 0.5, 1.0, float("nan"), b"x", Path("x"), Against.both]


def command(word: str) -> Any:
    if word == cli.DEFAULT:
        group: Any = typer.main.get_command(cli.app)
        return group.commands[word]
    return typer.main.get_command(import_module(cli.COMMANDS[word][0]).app)


def outcome(process: Callable[[Any, Any], Any], ctx: Any, value: Any) -> Any:
    try:
        made = process(ctx, value)
    except Exception as error:
        return type(error), str(error)
    if isinstance(made, list | tuple):
        return [(type(item), repr(item)) for item in made]
    return type(made), repr(made)


@pytest.mark.parametrize("word", [cli.DEFAULT, *(word for word in cli.COMMANDS if word != "extras")])
def test_words_mean_what_typer_takes_them_for(word):
    plain, quick = command(word), command(word)
    quicken(quick)
    ctx = plain.context_class(plain, info_name=word)
    assert [parameter.name for parameter in plain.params] == [parameter.name for parameter in quick.params]
    for slow, fast in zip(plain.params, quick.params, strict=True):
        if slow.name in ("config", "version"):  # these act
            continue
        several = slow.multiple or slow.nargs == -1
        for value in [*WORDS, *OTHER_VALUES]:
            for given in [(value,), ("a.png", value), [], value] if several else [value]:
                assert outcome(fast.process_value, ctx, given) == outcome(slow.process_value, ctx, given), (slow.name, given)


def test_what_cannot_be_read_is_refused_as_typer_refuses_it(tmp_path, monkeypatch):
    (tmp_path / "shut.png").write_bytes(b"x")
    monkeypatch.setattr(os, "access", lambda *_: False)
    plain, quick = command(cli.DEFAULT), command(cli.DEFAULT)
    quicken(quick)
    ctx = plain.context_class(plain, info_name="denoise")
    shut = str(tmp_path / "shut.png")
    (slow,), (fast,) = ([parameter for parameter in made.params if parameter.name == "output"] for made in (plain, quick))
    said = outcome(slow.process_value, ctx, shut)
    assert "not readable" in said[1]
    assert outcome(fast.process_value, ctx, shut) == said


def test_a_typer_that_tells_no_types_is_left_to_itself():
    group = command(cli.DEFAULT)
    before = [parameter.process_value for parameter in group.params]
    for parameter in group.params:
        vars(parameter).pop("type_descriptor", None)  # older ones have none
    quicken(group)
    assert [parameter.process_value for parameter in group.params] == before
