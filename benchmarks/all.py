"""All benchmarks, or some, into one file of numbers: machine, versions, date, and every table that they print.

    python -m benchmarks all --json docs/numbers.json --pictures FOLDER && python docs/make_numbers.py

FOLDER holds the folders Set12, BSD68, Kodak24, real and PolyU (the cropped pictures of Xu et al. 2018, arXiv:1804.02603), whichever you
have; what needs one that is not there is left out, and a line says so. A benchmark that is run again replaces its own numbers alone, so
--only refreshes a few of them. Without --full the sets are reduced, and the scope that stands with each table says so: a few minutes
each, good for dB, counts of iterations and ratios. Milliseconds want --full and a machine that does nothing else.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import platform
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from benchmarks.common import ROOT, cores

PACKAGES = ("denoise-cli", "numpy", "scipy", "onnxruntime", "scikit-image", "pillow")


@dataclass(frozen=True)
class Run:
    """One benchmark: words after `python -m benchmarks`, or after `denoise` where `tool`; {Set12} and the like become folders.

    reduced: other words, unless --full.  scope, reduced_scope: what was measured, for under the table.
    """

    full: str
    scope: str
    reduced: str = ""
    reduced_scope: str = ""
    tool: bool = False

    def words(self, full: bool) -> str:
        return self.full if full or not self.reduced else self.reduced

    def told(self, full: bool) -> str:
        return self.scope if full or not self.reduced else self.reduced_scope


QUALITY = "--methods matlab,optimal,auto,oracle,nl-means,tv-chambolle,wavelet,opencv-nlm,bm3d"
RUNS = {
    "quality": Run(f"benchmark {{Set12}} --gaussian 25/255 --no-clip {QUALITY}", "12 grey pictures", tool=True),
    "choice": Run(
        "choice {Set12} {BSD68} {Kodak24} --every 4", "every fourth picture",
        "choice {Set12} --every 3 --noise gaussian", "every third picture of Set12, Gaussian noise",
    ),
    "noise": Run("noise {Set12} {BSD68} {Kodak24} --only levels", "all pictures", "noise {Set12} --only levels", "Set12, levels alone"),
    "real": Run("real {real}", "all pairs"),
    "real_grey": Run("real {real} --grey", "all pairs, in grey"),
    "real_peers": Run(
        "benchmark --real {real} --pairs _real,_mean --methods auto,optimal,oracle,nl-means,opencv-nlm,bm3d", "15 pairs", tool=True
    ),
    "real_others": Run(
        "benchmark --real {PolyU} --pairs _real,_mean --methods auto,optimal,nl-means,opencv-nlm", "100 pairs by five cameras", tool=True
    ),
    "impulses": Run("impulses --salt-pepper", "scikit-image's samples"),
    "stripes": Run("stripes --removed {Set12}", "Set12"),
    "convergence": Run("convergence", "all sizes", "convergence --size 256 --sizes 64,128,256 --fixed-size 128", "pictures of up to 256²"),
    "holes": Run("holes", "512²", "holes --size 256 --rounds 3", "256²"),
    "peers": Run("peers", "512², all that are installed", "peers --size 256 --limit 1", "256², 1 s each"),
    "iteration": Run("iteration", "512² to 2048²", "iteration --sizes 512 --rounds 3", "512²"),
    "transforms": Run("transforms", "all sizes", "transforms --rounds 3", "3 rounds"),
    "parts": Run("parts", "512² to 2048²", "parts --sizes 512", "512²"),
    "growth": Run("growth", "256² to 4096²", "growth --largest 1024 --rounds 3", "256² to 1024²"),
    "memory": Run("memory", "2048²", "memory --size 1024", "1024²"),
    "end_to_end": Run("end_to_end", "12 megapixels", "end_to_end --rounds 1", "one round"),
    "forecast": Run("forecast", "256² to 2048²", "forecast --sizes 256 --rounds 1", "256²"),
    "learned": Run("learned {Set12} {BSD68} {Kodak24} {real}", "all pictures"),
    "learned_time": Run("learned_time", "512²"),
    "in_the_loop": Run("in_the_loop {Kodak24} --count 4", "four pictures of Kodak24"),
    "large": Run("large", "up to a gigapixel"),
    "tile_parts": Run("tile_parts --rounds 15", "a window of 2048²"),
    "seams": Run("seams", "4096²", "seams --size 600 --tiles 128 100 77", "600²"),
    "dask_workers": Run("dask_workers", "16384² and 1,000 pictures of 256²", "dask_workers --rounds 1", "one round"),
    "batch": Run("batch --pictures 60", "60 pictures", "batch --pictures 8 --size 256", "8 pictures of 256²"),
    "extras_batch_norm": Run("extras_batch_norm", "a million samples", "extras_batch_norm --rows 100000", "100,000 samples"),
}  # fmt: skip


def tables(printed: str) -> Iterator[dict[str, Any]]:
    """The Markdown tables in what a benchmark printed, each with the last line of text before it."""
    title, rows = "", []
    for line in [*printed.splitlines(), ""]:
        if line.startswith("|"):
            rows.append([cell.strip() for cell in re.split(r"(?<!\\)\|", line.strip())[1:-1]])
            continue
        if len(rows) > 2:
            yield {"title": title, "header": rows[0], "rows": rows[2:]}
            title = ""
        rows = []
        if line.strip():
            title = line.strip("# ").strip()


def machine() -> dict[str, Any]:
    """What it was measured on; no name of a host."""
    load = round(os.getloadavg()[0], 1) if hasattr(os, "getloadavg") else None
    return {"processor": platform.machine(), "system": platform.system(), "cores": cores(), "load": load}


def versions() -> dict[str, str]:
    found = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def measured(run: Run, full: bool, folders: dict[str, Path]) -> dict[str, Any] | str:
    """The record of one benchmark; or why there is none, in words."""
    words = run.words(full)
    missing = [folder for folder in re.findall(r"\{(\w+)\}", words) if folder not in folders]
    if missing:
        return f"needs --pictures with {' and '.join(missing)}"
    program = ["-m", "denoise_cli"] if run.tool else ["-m", "benchmarks"]
    real = [str(folders[word[1:-1]]) if word.startswith("{") else word for word in shlex.split(words)]
    done = subprocess.run([sys.executable, *program, *real], cwd=ROOT, stdout=subprocess.PIPE, encoding="utf-8")
    found = list(tables(done.stdout))
    if done.returncode or not found:
        return f"exit code {done.returncode}, {len(found)} tables"
    shown = ("denoise " if run.tool else "python -m benchmarks ") + re.sub(r"[{}]", "", words)
    now = datetime.datetime.now(datetime.UTC).date().isoformat()
    record = {"command": shown, "scope": run.told(full), "date": now, "machine": machine(), "versions": versions()}
    return {**record, "tables": found}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", type=Path, required=True, metavar="FILE", help="numbers are added to it, or replaced")
    parser.add_argument("--pictures", type=Path, metavar="FOLDER", help="holds Set12, BSD68, Kodak24, real")
    parser.add_argument("--only", default="", help="names with commas, of: " + ", ".join(RUNS))
    parser.add_argument("--full", action="store_true", help="the whole sets: hours")
    options = parser.parse_args()
    names = options.only.split(",") if options.only else list(RUNS)
    unknown = [name for name in names if name not in RUNS]
    if unknown:
        parser.error(f"no such benchmark: {', '.join(unknown)}")
    folders = {each.name: each.resolve() for each in sorted(options.pictures.iterdir()) if each.is_dir()} if options.pictures else {}
    failed = 0
    for name in names:
        print(f"{name} …", file=sys.stderr, flush=True)
        record = measured(RUNS[name], options.full, folders)
        if isinstance(record, str):
            print(f"{name}: left out, {record}", file=sys.stderr)
            failed += not record.startswith("needs")
            continue
        kept = json.loads(options.json.read_text(encoding="utf-8")) if options.json.exists() else {}
        kept[name] = record
        written = options.json.with_suffix(".partial")
        written.write_text(json.dumps(kept, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
        written.replace(options.json)
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main())
