"""python -m denoise_cli"""

from __future__ import annotations

import sys


def main() -> None:
    """The console script `denoise`."""
    from denoise_cli.cli import main as run

    sys.exit(run())


if __name__ == "__main__":
    main()
