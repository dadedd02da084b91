"""Peak memory of a run, in multiples of the float32 picture.

What is counted: how much the peak resident set of the process (ru_maxrss) grows during one call of denoise(). Before the call the
process has imported everything, has denoised a tiny picture in the same way, and holds the float32 input picture. So a figure includes
the solver's own copy of the input, the result that is returned, the scratch of all threads and of the transforms, and the certificates
with their costs; it does not include Python, its libraries, and the input. One process a figure.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys

from benchmarks.common import ROOT, cores, machine, mark, peak_bytes, table

MARKS = {"matlab": 12, "optimal": 16}


def measure(size: int, channels: int, method: str, fidelity: str, tv: str, workers: int, records: bool) -> float:
    import numpy as np

    from denoise_cli import denoise

    def run(picture: np.ndarray, iterations: int) -> None:
        more = {} if method == "matlab" else {"gap": 2e-6 if fidelity == "l2" else 1e-3, "tv": tv, "channels": "separate"}
        denoise(picture, 1.0, fidelity=fidelity, method=method, iterations=iterations, workers=workers, records=records, **more)

    shape = (size, size) if channels == 1 else (size, size, channels)
    run(np.random.default_rng(0).random((32, 32, *shape[2:]), np.float32), 3)
    picture = np.random.default_rng(0).random(shape, np.float32)
    before = peak_bytes()
    # L1 has its anchors from iteration 45 on, and the dual variable that is repaired.
    run(picture, 60 if method == "optimal" and fidelity == "l1" else 4)
    return (peak_bytes() - before) / picture.nbytes


def main() -> None:
    parser = argparse.ArgumentParser(prog=sys.argv[0], description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", type=int, default=2048, help="side of the picture (default %(default)s)")
    parser.add_argument("--workers", type=int, default=cores(), help="threads (default: all cores)")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        print(measure(*json.loads(options.one)))
        return
    rows = []
    cases = [("matlab", "l2", ""), ("matlab", "l1", ""), ("optimal", "l2", "isotropic"), ("optimal", "l1", "isotropic")]
    for method, fidelity, tv in [*cases, ("optimal", "l1", "anisotropic")]:
        row = [f"`{method}` {fidelity.upper()} {tv}"]
        for channels in (1, 3):
            for records in (False, True):
                case = json.dumps([options.size, channels, method, fidelity, tv, options.workers, records])
                command = [sys.executable, "-m", "benchmarks", "memory", "--one", case]
                multiple = float(subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True).stdout)
                row.append(mark(multiple, MARKS[method], f"{multiple:.1f}"))
        rows.append(row)
    print(f"Multiples of a {options.size}² float32 picture (grey {4 * options.size**2 / 2**20:.0f} MiB); marks: {MARKS}\n")
    print(table(["", "grey", "grey, records", "RGB", "RGB, records"], rows))
    print(f"\n{options.workers} threads. {machine()}.")


if __name__ == "__main__":
    main()
