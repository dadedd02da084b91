"""What can be typed: a table of contents. Typer lives here."""

from __future__ import annotations

import os
import sys
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from denoise_cli import __version__
from denoise_cli.cli.help import COMMANDS, COMPLETION, GroupedHelp
from denoise_cli.cli.options import Takes, default_options, understand
from denoise_cli.cli.plain_words import quicken
from denoise_cli.cli.streams import ending_on_sigterm, prepare_streams
from denoise_cli.errors import FAILED, INTERRUPTED, OK, USAGE, DenoiseError, UsageError
from denoise_cli.settings import FILES, RUN

__all__ = ["COMMANDS", "COMPLETION", "DEFAULT", "app", "main"]

DEFAULT = "image"


class Interrupted(DenoiseError):
    """Ctrl-C or SIGTERM, in a command that has nothing else to say about it."""

    exit_code = INTERRUPTED


def _check_command(words: list[str]) -> None:
    """Refuse a first word that is no file, and almost a command. Raises UsageError."""
    if words and words[0].isalpha() and not os.path.lexists(words[0]):
        import difflib

        for command in difflib.get_close_matches(words[0].lower(), COMMANDS, n=1, cutoff=0.75):
            raise UsageError(f"{words[0]}: neither a file nor a command; did you mean denoise {command}?")


class DenoiseGroup(TyperGroup):
    """`denoise PICTURE…` is the default command; a first word that names another command runs that."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        if not args and ctx.resilient_parsing:  # TAB at the first word
            return super().parse_args(ctx, args)
        if not args or args[0] not in COMMANDS:
            _check_command(args)
            args = [DEFAULT, *(args or ["--help"])]
        quicken(self)
        return super().parse_args(ctx, args)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        if cmd_name in COMMANDS:
            command: Any = typer.main.get_command(import_module(COMMANDS[cmd_name][0]).app)
            command.name = cmd_name
        else:
            command = super().get_command(ctx, cmd_name)
        if command is not None:
            quicken(command)
        return command

    def invoke(self, ctx: Any) -> Any:
        """Run what was typed. Typer would end an interrupted command without a word, and take a reader who has seen enough for an error."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            raise Interrupted("denoise: interrupted") from None
        except BrokenPipeError:
            sys.stdout = None  # else Python would complain once more when it flushes
            return OK

    def shell_complete(self, ctx: Any, incomplete: str) -> Any:
        """What can be the first word: an option of the default command; or a command, and the pictures that begin alike.

        Nothing is offered where only files are meant: the shell does that better.
        """
        from denoise_cli.cli.completion import Offer, files

        if incomplete.startswith("-"):
            command = self.get_command(ctx, DEFAULT)
            options = command.shell_complete(command.make_context(DEFAULT, [], parent=ctx, resilient_parsing=True), incomplete)
            return [*options, *(Offer(option, line) for option, line in COMPLETION.items() if option.startswith(incomplete))]
        words = [Offer(word, line) for word, (_, line) in COMMANDS.items() if word.startswith(incomplete)]
        return [*words, *map(Offer, files(incomplete))] if words else []


app = typer.Typer(cls=DenoiseGroup, rich_markup_mode=None, pretty_exceptions_enable=False)


@app.callback()
def _group() -> None:
    """Total-variation image denoising."""


def _version(ctx: typer.Context, value: bool) -> None:
    if value and not ctx.resilient_parsing:
        typer.echo(f"denoise {__version__}")
        raise typer.Exit


def _configure(ctx: typer.Context, path: Path | None) -> Path | None:
    """Let the settings of a file be the defaults."""
    if path is not None:
        from denoise_cli.cli.settings_file import read_config

        ctx.default_map = read_config(path, default_options())
    return path


PICTURES = Annotated[
    list[Path] | None,
    typer.Argument(
        metavar="[PICTURE]...",
        help="PNG, JPEG, TIFF, .npy and more (docs/formats.md); a folder; a pattern in quotes; - for stdin.",
        show_default=False,
        rich_help_panel=FILES,
    ),
]
# These act by their callbacks.
CONFIG = Annotated[
    Path | None,
    typer.Option(
        help="Settings by their long names; what is typed beats them. [default: none]", metavar="FILE.toml", callback=_configure,
        is_eager=True, rich_help_panel=RUN,
    ),
]  # fmt: skip
VERSION = Annotated[bool, typer.Option("--version", help="Print the version.", callback=_version, is_eager=True, rich_help_panel=RUN)]


def image(ctx: typer.Context, pictures: list[Path] | None, **values: Any) -> None:
    """Remove noise from pictures, by certified total variation or by a small network.

    \b
    denoise input.png                         noise estimated, λ chosen: writes input_denoised.png
    denoise input.png --lambda 0.1 --l1       the original iteration, 100 times
    denoise scans/ -o clean/ --jobs 2         a folder
    """
    settings, request = understand(values, is_typed=lambda name: getattr(ctx.get_parameter_source(name), "name", "") == "COMMANDLINE")
    if request.executor == "dask" and request.scheduler is None and not request.dry_run:
        from denoise_cli.large import fork_server

        fork_server.begin()
    from denoise_cli.cli.planning import Run
    from denoise_cli.cli.session import execute
    from denoise_cli.methods.registry import named_for

    settings = replace(settings.resolved(), method=named_for(settings))
    raise typer.Exit(execute(Run(tuple(pictures or ()), settings, request, config=values["config"])))


app.command(DEFAULT, cls=GroupedHelp, context_settings={"help_option_names": ["-h", "--help"]})(
    Takes(image, PICTURES, config=CONFIG, version=VERSION)
)


def _say(line: str) -> None:
    from denoise_cli.cli.progress import say

    say(line)


def main(arguments: list[str] | None = None) -> int:
    """Run the command; the exit code. Errors are one line on stderr, never a traceback."""
    prepare_streams()
    with ending_on_sigterm():
        return _main(arguments)


def _main(arguments: list[str] | None) -> int:
    words = sys.argv[1:] if arguments is None else arguments
    try:
        if "_DENOISE_COMPLETE" in os.environ:
            pass  # the shell asks what could be typed, with no words at all; Typer answers
        elif words in ([], ["-h"], ["--help"]):
            # The parser would load pydantic first, which takes as long as NumPy.
            group: Any = typer.main.get_command(app)
            command = group.commands[DEFAULT]
            print(command.get_help(command.context_class(command, info_name="denoise", **command.context_settings)), flush=True)
            return OK
        elif words[0] in COMPLETION:
            from denoise_cli.cli.completion import answer

            print(answer(words), flush=True)
            return OK
        code = app(args=arguments, prog_name="denoise", standalone_mode=False)
        if sys.stdout is not None:
            sys.stdout.flush()
        return code if isinstance(code, int) else OK
    except DenoiseError as error:
        _say(f"denoise: {error}" if isinstance(error, UsageError) else str(error))
        return error.exit_code
    except (KeyboardInterrupt, typer.Abort):
        _say("denoise: interrupted")
        return INTERRUPTED
    except BrokenPipeError:
        # Whoever read our output has seen enough. Python would complain once more when it flushes.
        sys.stdout = None
        return OK
    except OSError as error:
        # Files have errors of their own; this is standard output, on a disk that is full.
        sys.stdout = None
        _say(f"denoise: {error.filename or 'standard output'}: {error.strerror or error}")
        return FAILED
    except Exception as error:
        # Click's own usage errors; Typer has carried its own copy of click since 0.26, so they are known by what they can do.
        if not hasattr(error, "format_message"):
            raise
        if type(error).__name__ == "NoArgsIsHelpError":
            print(error.format_message(), file=sys.stderr)
            return USAGE
        for word in words:
            if word.startswith("-") and word != "-" and os.path.lexists(word):
                _say(f"denoise: {word}: begins with a dash, as options do; type ./{word} for the file")
                return USAGE
        # "Value error" is what pydantic, which reads the values of options, says before a sentence of ours.
        _say(f"denoise: {error.format_message().replace('Value error, ', '')} (denoise --help)")
        return USAGE
