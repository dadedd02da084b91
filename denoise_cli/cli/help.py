"""Help of the default command in plain text, and the list of what can be the first word."""

from __future__ import annotations

from typing import Any

from typer.core import TyperCommand

from denoise_cli.settings import ALGORITHM, FILES, PROBLEM, RUN

__all__ = ["COMMANDS", "COMPLETION", "GroupedHelp"]

# Loaded when called: word → (module with a Typer `app`, the line in the help).
COMMANDS = {
    "add-noise": ("denoise_cli.cli.commands.add_noise", "Noisy test pictures from clean ones, reproducible."),
    "benchmark": ("denoise_cli.cli.commands.benchmark", "Mean PSNR, SSIM and seconds of methods, on clean pictures with noise added."),
    "compare": ("denoise_cli.cli.commands.compare", "PSNR, SSIM, RMSE and MAE to a clean picture, and a sheet to look at."),
    "info": ("denoise_cli.cli.commands.info", "Size, depth, noise; what `denoise FILE` would do, and in how long."),
    "noise": ("denoise_cli.cli.commands.noise", "What noise a picture holds, and what the automatic mode would do."),
    "path": ("denoise_cli.cli.commands.path", "The picture at many λ: a sheet to pick from by eye, a table, files."),
    "plot": ("denoise_cli.cli.commands.plot", "Figures of logs: cost, gap and PSNR against iteration, seconds or λ; in the terminal too."),
    "extras": ("denoise_cli.extras.entry", "Batch norm, normalisations, regression and LDAM loss: numbers in, numbers out."),
}
# Work without a picture, as the first word; an optional second one names the shell.
COMPLETION = {
    "--install-completion": "Let TAB complete commands, options, values and files, from the next shell on.",
    "--show-completion": "Print what that would install.",
}


class GroupedHelp(TyperCommand):
    """Help in plain text, its options under headings: quick to print, and readable in a pipe."""

    def format_usage(self, ctx: Any, formatter: Any) -> None:  # noqa: ARG002
        formatter.write_usage("denoise", "[OPTIONS] PICTURE...")

    def format_options(self, ctx: Any, formatter: Any) -> None:
        panels: dict[str, list[tuple[str, str]]] = {PROBLEM: [], ALGORITHM: [], FILES: [], RUN: []}
        for parameter in self.get_params(ctx):
            row = parameter.get_help_record(ctx)
            if row is not None:
                panels[getattr(parameter, "rich_help_panel", None) or RUN].append(row)
        panels[RUN] += [(f"{option} [SHELL]", line) for option, line in COMPLETION.items()]
        for title, rows in panels.items():
            with formatter.section(title):
                formatter.write_dl(rows)
        with formatter.section("Other commands"):
            formatter.write_dl([(f"denoise {word}", line) for word, (_, line) in COMMANDS.items()])
