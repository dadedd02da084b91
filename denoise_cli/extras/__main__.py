"""python -m denoise_cli.extras"""

import errno
import sys
from typing import NoReturn

from denoise_cli.extras.entry import app


def main() -> NoReturn:
    """Run the command. What Python could not write when it flushes at the end would be a traceback, or exit code 120."""
    code: object = 0
    try:
        try:
            app(prog_name="denoise extras")
        except SystemExit as end:
            code = end.code
        if sys.stdout is not None:
            sys.stdout.flush()
    except OSError as error:
        sys.stdout = None
        if error.errno != errno.EPIPE:  # whoever read has seen enough
            print(f"denoise extras: standard output: cannot write it: {error.strerror or error}", file=sys.stderr)
            code = 1
    sys.exit(code)  # type: ignore[arg-type]


if __name__ == "__main__":
    main()
