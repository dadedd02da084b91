"""`python -m benchmarks` lists the benchmarks; `python -m benchmarks NAME [options]` runs one."""

from __future__ import annotations

import ast
import runpy
import sys
from pathlib import Path

HELPERS = ("common",)


def main() -> int:
    names = sorted(path.stem for path in Path(__file__).parent.glob("[a-z]*.py") if path.stem not in HELPERS)
    if len(sys.argv) > 1 and sys.argv[1] in names:
        sys.argv[:] = [f"python -m benchmarks {sys.argv[1]}", *sys.argv[2:]]
        runpy.run_module(f"benchmarks.{sys.argv[0].split()[-1]}", run_name="__main__")
        return 0
    print("usage: python -m benchmarks NAME [options]     (NAME --help shows the options)\n")
    for name in names:
        docstring = ast.get_docstring(ast.parse(Path(__file__).with_name(f"{name}.py").read_text(encoding="utf-8"))) or ""
        print(f"  {name:20s} {docstring.partition(chr(10))[0]}")
    asked_for_list = len(sys.argv) == 1 or sys.argv[1] in ("-h", "--help")
    return 0 if asked_for_list else 2


if __name__ == "__main__":
    sys.exit(main())
