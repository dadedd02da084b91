"""Time to bring our cost within 1e-2, 1e-3 and 1e-4 of the optimum: this solver against the others that can be installed.

Costs: l2  Σ (u − f)² + λ TV(u);  l1  Σ |u − f| + λ TV(u);  symmetric boundary, isotropic ("iso") or anisotropic ("aniso") TV, grey
pictures in [0, 1] (camera, σ = 0.1 or 10 % impulses), float32 where the solver has it. Every result is judged by the same few lines of
NumPy, in float64. A lower bound says how well the optimum is known: it stands over each table.

One process a solver, as many threads for each (OMP_NUM_THREADS and what else it takes), OMP_WAIT_POLICY=PASSIVE, a first call that does
not count. The number of iterations grows by half, and is then bisected to within 5 %; a figure is the shortest
of three runs, in ms, with its iterations. "–": not reached within the time limit, or ever.

This solver appears twice. "n iterations" is timed as the others are, with iteration counts known beforehand (and with the certificates that
fall due on the way). "to a gap" is what a user gets: it stops by itself, when the *proven* distance from the optimum is small enough, and
the figure includes the proofs.

Not on PyPI, so each takes part where a variable names a shared library: CCPi's FGP (C, OpenMP), CCPI_LIBRARY with TV_FGP_CPU_main;
IPOL's tvreg (C, one thread), TVREG_LIBRARY with TvRestore in single precision; flexBox (C++, OpenMP), FLEXBOX_LIBRARY with
flexbox_tv, a C function around its templates (see _flexbox).
"""

from __future__ import annotations

import argparse
import ctypes
import functools
import importlib
import json
import math
import os
import subprocess
import sys
import time
from collections.abc import Callable

import numpy as np

from benchmarks.common import ROOT, Array, cores, machine, noisy_picture, seconds, table

TARGETS = (1e-2, 1e-3, 1e-4)
PROBLEMS = "l2:iso:0.1,l2:iso:0.2,l2:aniso:0.1,l2:aniso:0.2,l1:iso:1,l1:aniso:1"
TV = {"iso": "isotropic", "aniso": "anisotropic"}
# Solver(f, λ, iterations, threads) → picture
Solver = Callable[[Array, float, int, int], Array]


class NotHere(Exception):
    """A peer that is not installed."""


def needs(module: str) -> Callable[[Solver], Solver]:
    """Import before any clock runs, and say so if that fails."""

    def decorate(solver: Solver) -> Solver:
        @functools.wraps(solver)
        def checked(f: Array, weight: float, n: int, threads: int) -> Array:
            try:
                importlib.import_module(module)
            except ImportError as error:
                raise NotHere(f"{module} is not installed ({error})") from None
            return solver(f, weight, n, threads)

        return checked

    return decorate


def ours(fidelity: str, tv: str) -> Solver:
    from denoise_cli import denoise

    def solve(f: Array, weight: float, n: int, threads: int) -> Array:
        return denoise(
            f,
            weight,
            fidelity=fidelity,
            method="optimal",
            tv=TV[tv],
            gap=2e-6 if fidelity == "l2" else 1e-4,
            iterations=n,
            workers=threads,
            records=False,
        ).image

    return solve


# ½‖u − f‖² + w·TV, from the dual, by gradient descent; NumPy.
@needs("skimage.restoration")
def skimage_chambolle(f: Array, weight: float, n: int, threads: int) -> Array:  # noqa: ARG001
    from skimage.restoration import denoise_tv_chambolle

    return denoise_tv_chambolle(f, weight=weight / 2, eps=0, max_num_iter=n)


# Leaves the pixels at the border as noisy as they were. Its isotropic sibling minimises something else, and is left out.
@needs("skimage.restoration")
def skimage_bregman(f: Array, weight: float, n: int, threads: int) -> Array:  # noqa: ARG001
    from skimage.restoration import denoise_tv_bregman

    return denoise_tv_bregman(f, weight=2 / weight, max_num_iter=n, eps=0, isotropic=False)


def _sporco(module: str, name: str, scale: float) -> Solver:
    @needs(f"sporco.admm.{module}")
    def solve(f: Array, weight: float, n: int, threads: int) -> Array:  # noqa: ARG001
        kind = getattr(importlib.import_module(f"sporco.admm.{module}"), name)
        return kind(f, weight * scale, kind.Options({"Verbose": False, "MaxMainIter": n, "gEvalY": False, "RelStopTol": 0.0})).solve()

    return solve


@needs("pyunlocbox.functions")
def pyunlocbox_fgp(f: Array, weight: float, n: int, threads: int) -> Array:  # noqa: ARG001
    from pyunlocbox import functions

    return functions.norm_tv(maxit=n, tol=0, dim=2, verbosity="NONE").prox(f, weight / 2)


def _pyproximal(fidelity: str, tv: str) -> Solver:
    @needs("pyproximal")
    def solve(f: Array, weight: float, n: int, threads: int) -> Array:  # noqa: ARG001
        import pylops
        import pyproximal

        gradient = pylops.Gradient(dims=f.shape, edge=False, kind="forward", dtype=f.dtype)
        w = weight / 2 if fidelity == "l2" else weight
        data = pyproximal.L2(b=f.ravel()) if fidelity == "l2" else pyproximal.L1(g=f.ravel())
        penalty = pyproximal.L21(ndim=2, sigma=w) if tv == "iso" else pyproximal.L1(sigma=w)
        step = 0.99 / math.sqrt(8)
        primal_dual = pyproximal.optimization.primaldual.PrimalDual
        return primal_dual(data, penalty, gradient, x0=f.ravel().copy(), tau=step, mu=step, theta=1.0, niter=n).reshape(f.shape)

    return solve


def _prox_tv(method: str) -> Solver:
    @needs("prox_tv")
    def solve(f: Array, weight: float, n: int, threads: int) -> Array:
        import prox_tv

        return prox_tv.tv1_2d(f.astype(np.float64), weight / 2, n_threads=threads, max_iters=n, method=method)

    return solve


# 8 bits in and out.
@needs("cv2")
def opencv_tvl1(f: Array, weight: float, n: int, threads: int) -> Array:
    import cv2

    cv2.setNumThreads(threads)
    picture = np.clip(np.round(f * 255), 0, 255).astype(np.uint8)
    result = np.zeros_like(picture)
    returned = cv2.denoise_TVL1([picture], result, 1 / weight, n)
    return (result if returned is None else returned) / 255.0


@functools.cache
def shared_library(variable: str, source: str) -> ctypes.CDLL:
    path = os.environ.get(variable)
    if not path:
        raise NotHere(f"{variable} is not set ({source})")
    try:
        return ctypes.CDLL(path)
    except OSError as error:
        raise NotHere(f"{variable}: {error}") from None


# An argument of C: the floats of an array.
FLOATS = np.ctypeslib.ndpointer(np.float32, flags="C_CONTIGUOUS")


def _ccpi(tv: str) -> Solver:
    def solve(f: Array, weight: float, n: int, threads: int) -> Array:  # noqa: ARG001
        source = "C source: TomographicImaging/CCPi-Regularisation-Toolkit, FGP_TV_core.c, utils.c"
        fgp = shared_library("CCPI_LIBRARY", source).TV_FGP_CPU_main
        fgp.argtypes = [FLOATS] * 3 + [ctypes.c_float, ctypes.c_int, ctypes.c_float] + [ctypes.c_int] * 5
        result, information = np.empty_like(f), np.zeros(2, np.float32)
        height, width = f.shape
        fgp(f, result, information, weight / 2, n, 0.0, 0 if tv == "iso" else 1, 0, width, height, 1)
        return result

    return solve


# TV(u) + μ/2 ‖u − f‖², or μ |u − f|: split Bregman, one Gauss-Seidel sweep an iteration. Its sweep leaves out the flow across the right and
# the bottom edge, so it comes to rest above the optimum. γ₁ weighs d = ∇u, γ₂ (l1 only) z = u; 5 and 8 are its own.
def _tvreg(fidelity: str, gamma1: Callable[[float], float] = lambda _: 5, gamma2: float = 8) -> Solver:
    def solve(f: Array, weight: float, n: int, threads: int) -> Array:  # noqa: ARG001
        source = "C source: IPOL, Getreuer 2012, Rudin-Osher-Fatemi Total Variation Denoising using Split Bregman"
        library = shared_library("TVREG_LIBRARY", source)
        library.TvRegNewOpt.restype = ctypes.c_void_p
        options = ctypes.c_void_p(library.TvRegNewOpt())
        library.TvRegSetLambda(options, ctypes.c_float((2 if fidelity == "l2" else 1) / weight))
        library.TvRegSetNoiseModel(options, fidelity.encode())
        library.TvRegSetGamma1(options, ctypes.c_float(gamma1(weight)))
        library.TvRegSetGamma2(options, ctypes.c_float(gamma2))
        library.TvRegSetTol(options, ctypes.c_float(0))
        library.TvRegSetMaxIter(options, n)
        library.TvRegSetPlotFun(options, None, None)
        library.TvRestore.argtypes = [FLOATS] * 2 + [ctypes.c_int] * 3 + [ctypes.c_void_p]
        result = f.copy()
        height, width = f.shape
        library.TvRestore(result, f, width, height, 1, options)
        library.TvRegFreeOpt(options)
        return result

    return solve


# Primal-dual, both terms dualised, steps from the operators' row sums. What is left to choose is how large primal and dual variables are:
# "tuned" sets it by the scale of the cost (l2) or of the picture (l1: its data term is right at weight 1 only), and starts from f, not 0.
# Its templates need a C function around them that runs exactly n iterations (tol 0) of
#     min  data · F(u; f) + tv · TV(u),   F: ½ Σ (u − f)² or Σ |u − f|,   TV from flexGradientOperator, forward:
# void flexbox_tv(const float *f, float *u, int width, int height, float data, float tv, int l1, int aniso, int n, int start_from_f)
def _flexbox(fidelity: str, tv: str, *, tuned: bool = False) -> Solver:
    def solve(f: Array, weight: float, n: int, threads: int) -> Array:  # noqa: ARG001
        source = "C++ source: HendrikMuenster/flexBox_CPP, and a C function flexbox_tv around it"
        flexbox = shared_library("FLEXBOX_LIBRARY", source).flexbox_tv
        flexbox.argtypes = [FLOATS] * 2 + [ctypes.c_int] * 2 + [ctypes.c_float] * 2 + [ctypes.c_int] * 4
        data = 0.1 / weight if fidelity == "l2" and tuned else 1.0
        scale = np.float32(24 if fidelity == "l1" and tuned else 1)
        result = np.empty_like(f)
        height, width = f.shape
        penalty = data * weight / 2 if fidelity == "l2" else weight
        flexbox(f * scale, result, width, height, data, penalty, fidelity == "l1", tv == "aniso", n, tuned)
        return result / scale

    return solve


PEERS: dict[tuple[str, str], dict[str, Solver]] = {
    ("l2", "iso"): {
        "denoise_cli": ours("l2", "iso"),
        "CCPi FGP (C)": _ccpi("iso"),
        "flexBox (C++)": _flexbox("l2", "iso"),
        "flexBox (C++), tuned": _flexbox("l2", "iso", tuned=True),
        "IPOL tvreg (C)": _tvreg("l2"),
        "IPOL tvreg (C), tuned": _tvreg("l2", lambda weight: 200 * weight),
        "scikit-image chambolle": skimage_chambolle,
        "SPORCO TVL2": _sporco("tvl2", "TVL2Denoise", 0.5),
        "PyUnLocBox FGP": pyunlocbox_fgp,
        "PyProximal PrimalDual": _pyproximal("l2", "iso"),
    },
    ("l2", "aniso"): {
        "denoise_cli": ours("l2", "aniso"),
        "CCPi FGP (C)": _ccpi("aniso"),
        "flexBox (C++)": _flexbox("l2", "aniso"),
        "flexBox (C++), tuned": _flexbox("l2", "aniso", tuned=True),
        "proxTV DR (C++)": _prox_tv("dr"),
        "proxTV PD (C++)": _prox_tv("pd"),
        "scikit-image bregman": skimage_bregman,
        "PyProximal PrimalDual": _pyproximal("l2", "aniso"),
    },
    ("l1", "iso"): {
        "denoise_cli": ours("l1", "iso"),
        "flexBox (C++)": _flexbox("l1", "iso"),
        "flexBox (C++), tuned": _flexbox("l1", "iso", tuned=True),
        "IPOL tvreg (C)": _tvreg("l1"),
        "IPOL tvreg (C), tuned": _tvreg("l1", lambda _: 15, 30),
        "OpenCV TVL1 (C++)": opencv_tvl1,
        "SPORCO TVL1": _sporco("tvl1", "TVL1Denoise", 1.0),
        "PyProximal PrimalDual": _pyproximal("l1", "iso"),
    },
    ("l1", "aniso"): {
        "denoise_cli": ours("l1", "aniso"),
        "flexBox (C++)": _flexbox("l1", "aniso"),
        "flexBox (C++), tuned": _flexbox("l1", "aniso", tuned=True),
        "PyProximal PrimalDual": _pyproximal("l1", "aniso"),
    },
}  # fmt: skip


def cost(u: Array, f: Array, weight: float, fidelity: str, tv: str) -> float:
    u = np.asarray(u, np.float64)
    dx, dy = np.zeros_like(u), np.zeros_like(u)
    dx[:, :-1], dy[:-1] = np.diff(u, axis=1), np.diff(u, axis=0)
    norm = np.hypot(dx, dy) if tv == "iso" else np.abs(dx) + np.abs(dy)
    residual = u - f
    return float(((residual**2) if fidelity == "l2" else np.abs(residual)).sum() + weight * norm.sum())


def optimum(f: Array, weight: float, fidelity: str, tv: str) -> tuple[float, float]:
    """The lowest cost of a long run, float64, and a relative bound of what it may be above the optimum."""
    from denoise_cli import denoise

    gap, most = (1e-6, 2000) if fidelity == "l2" else (1e-5, 4000)
    solution = denoise(
        f.astype(np.float64), weight, fidelity=fidelity, method="optimal", tv=TV[tv], gap=gap, iterations=most, records=False
    )
    return cost(solution.image, f, weight, fidelity, tv), float(solution.gap)


def measure(name: str, fidelity: str, tv: str, weight: float, size: int, best: float, threads: int, patience: float) -> dict[str, object]:
    """{target: (milliseconds, iterations)} of one solver; runs in a process of its own."""
    f = noisy_picture(size, fidelity).astype(np.float32)
    solver = PEERS[fidelity, tv][name]
    try:
        solver(f[:64, :64].copy(), weight, 3, threads)
        solver(f, weight, 2, threads)
    except NotHere as missing:
        return {"skipped": str(missing)}
    start = time.perf_counter()
    seen: dict[int, tuple[float, float]] = {}

    def excess(n: int) -> float:
        if n not in seen:
            clock = time.perf_counter()
            result = solver(f, weight, n, threads)
            seen[n] = time.perf_counter() - clock, cost(result, f, weight, fidelity, tv) / best - 1
        return seen[n][1]

    n = 2
    while excess(n) > TARGETS[-1] and time.perf_counter() - start < patience and n < 20000:
        n = math.ceil(1.5 * n)
    reached: dict[str, object] = {}
    start = time.perf_counter()
    for target in TARGETS:
        passing = min((k for k, (_, e) in seen.items() if e <= target), default=None)
        if passing is None:
            break
        failing = max((k for k in seen if k < passing), default=1)
        while passing - failing > max(1, 0.05 * passing) and time.perf_counter() - start < patience:
            middle = (passing + failing) // 2
            passing, failing = (middle, failing) if excess(middle) <= target else (passing, middle)
        times = [seen[passing][0]]
        for _ in range(2 if times[0] < patience / 6 else 0):
            times.append(seconds(lambda count=passing: solver(f, weight, count, threads)))
        reached[f"{target:g}"] = 1e3 * min(times), passing
    return {"reached": reached, "excess": min(e for _, e in seen.values())}


def measure_certified(fidelity: str, tv: str, weight: float, size: int, threads: int) -> dict[str, object]:
    """The same of denoise(…, gap=target), which stops by itself."""
    from denoise_cli import denoise

    f = noisy_picture(size, fidelity).astype(np.float32)
    reached: dict[str, object] = {}
    for target in TARGETS:

        def solve(iterations: int, target: float = target):
            return denoise(
                f,
                weight,
                fidelity=fidelity,
                method="optimal",
                tv=TV[tv],
                gap=target,
                iterations=iterations,
                workers=threads,
                records=False,
            )

        solve(2)
        clock = time.perf_counter()
        solution = solve(3000)
        times = [time.perf_counter() - clock]
        if times[0] < 3:
            times += [seconds(lambda run=solve: run(3000)) for _ in range(3)]
        if solution.status != "converged":
            break
        reached[f"{target:g}"] = 1e3 * min(times), solution.iterations
    return {"reached": reached, "excess": 0.0}


def in_a_process(case: list[object], threads: int) -> dict:
    environment = {**os.environ, "OMP_WAIT_POLICY": "PASSIVE", "PYTHONWARNINGS": "ignore"}
    for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        environment[variable] = str(threads)
    command = [sys.executable, "-m", "benchmarks", "peers", "--worker", json.dumps(case)]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    if done.returncode:
        return {"skipped": (done.stderr.strip().splitlines() or ["failed"])[-1][:160]}
    return json.loads(done.stdout.splitlines()[-1])


def main() -> None:
    parser = argparse.ArgumentParser(prog=sys.argv[0], description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", type=int, default=512, help="side of the picture (default %(default)s)")
    parser.add_argument("--problems", default=PROBLEMS, help="fidelity:tv:λ, separated by commas (default %(default)s)")
    parser.add_argument("--only", default="", help="solvers whose names contain one of these words, separated by commas")
    parser.add_argument("--threads", type=int, default=cores(), help="for every solver (default: all cores)")
    parser.add_argument("--limit", type=float, default=6.0, help="seconds of patience with one solver (default %(default)s)")
    parser.add_argument("--worker", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.worker:
        name, *arguments = json.loads(options.worker)
        print(json.dumps(measure_certified(*arguments) if name is None else measure(name, *arguments)))
        return

    wanted = [word.lower() for word in options.only.split(",") if word]
    for problem in options.problems.split(","):
        fidelity, tv, number = problem.split(":")
        weight = float(number)
        best, doubt = optimum(noisy_picture(options.size, fidelity).astype(np.float32), weight, fidelity, tv)
        print(f"\n### {fidelity.upper()} {tv} λ {weight:g}, {options.size}²: optimum {best:.4f}, known to {doubt:.0e}\n", flush=True)
        lines, skipped = [], []
        for name in (None, *PEERS[fidelity, tv]):
            label = {None: "**denoise_cli, to a gap**", "denoise_cli": "**denoise_cli, n iterations**"}.get(name, name)
            if wanted and not any(word in label.lower() for word in wanted):
                continue
            arguments = (
                [fidelity, tv, weight, options.size, options.threads]
                if name is None
                else [fidelity, tv, weight, options.size, best, options.threads, options.limit]
            )
            answer = in_a_process([name, *arguments], options.threads)
            if "skipped" in answer:
                skipped.append(f"{label}: skipped: {answer['skipped']}")
                continue
            lines.append((label, answer["reached"], answer["excess"]))
        fastest = lines[0][1] if lines else {}

        def cell(reached: dict, target: float, fastest: dict = fastest) -> str:
            if f"{target:g}" not in reached:
                return "–"
            milliseconds, n = reached[f"{target:g}"]
            ratio = f" {milliseconds / fastest[f'{target:g}'][0]:.1f}×" if f"{target:g}" in fastest else ""
            return f"{milliseconds:.0f} ms ({n}){ratio}"

        rows = [
            (label, *(cell(reached, target) for target in TARGETS), "" if len(reached) == len(TARGETS) else f"{excess:.1e}")
            for label, reached, excess in lines
        ]
        first = lines[0][0].strip("*") if lines else ""
        print(table([f"times: × of {first}", *(f"{target:g}" for target in TARGETS), "best excess"], rows), flush=True)
        for line in skipped:
            print(f"\n{line}")
    print(f"\n{options.threads} threads. {machine()}.")


if __name__ == "__main__":
    main()
