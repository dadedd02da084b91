"""python -m denoise_cli"""

from __future__ import annotations

import sys


def main() -> None:
    """The console script `denoise`."""
    if sys.argv[1:] == ["--version"]:
        # Needs no parser, and Typer takes as long to import as NumPy.
        from denoise_cli import __version__

        print(f"denoise {__version__}")
        return
    try:
        from denoise_cli.cli.app import main as run

        sys.exit(run())
    except KeyboardInterrupt:  # before there was anything to interrupt
        sys.exit(130)


if __name__ == "__main__":
    main()
