"""python -m denoise_cli"""

from __future__ import annotations

import gc
import sys


def main() -> None:
    """The console script `denoise`."""
    if sys.argv[1:] == ["--version"]:
        # Needs no parser, and Typer takes as long to import as NumPy.
        from denoise_cli import __version__

        try:
            print(f"denoise {__version__}", flush=True)
        except OSError as error:
            sys.stdout = None  # else Python would try once more at the end
            print(f"denoise: standard output: {error.strerror or error}", file=sys.stderr)
            sys.exit(1)
        return
    try:
        from denoise_cli.cli.app import main as run

        code = run()
        # Python would look through all that is left for what nobody needs: a tenth of the time of a small picture, and 0.2 s after Dask.
        gc.freeze()
        sys.exit(code)
    except KeyboardInterrupt:  # before there was anything to interrupt
        sys.exit(130)


if __name__ == "__main__":
    main()
