"""From a problem to its certified minimiser: which algorithm runs, with which numbers, until when."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from denoise_cli.variational.certificate import Certificate, GapTarget
from denoise_cli.variational.constant import ConstantMinimiser, constant_minimiser
from denoise_cli.variational.engines import Engine, engine_for
from denoise_cli.variational.gradient_projection import GradientProjection, can_project
from denoise_cli.variational.problem import Problem
from denoise_cli.variational.records import IterationRecord
from denoise_cli.variational.schedule import anchors_of, mean_of, penalties_of
from denoise_cli.variational.solution import Dual, Solution
from denoise_cli.variational.split_bregman import SplitBregman
from denoise_cli.variational.state import Reference, State, Status
from denoise_cli.variational.strips import Array

__all__ = ["follow", "minimise"]

Solver = SplitBregman | GradientProjection | ConstantMinimiser


def minimise(
    problem: Problem,
    *,
    gap: float = 1e-3,
    iterations: int = 50_000,
    reference: Reference | None = None,
    records: bool = False,
    callback: Callable[[State], object] | None = None,
    start: Solution | None = None,
    keep_dual: bool = False,
) -> Solution:
    """The minimiser of any Problem, certified: (cost − bound)/cost ≤ `gap`, or `iterations` are done.

    This is `denoise(…, method="optimal")` behind its arguments. A fidelity, a regulariser or an operator of your own comes in here; the
    algorithm is chosen by what they claim of themselves (`Claims`), and the engine by whether there is compiled code for them.

    reference, records, callback, start, keep_dual : as for `denoise`.
    """
    watched, engine = records or callback is not None, engine_for(problem)
    dual = None if start is None else _warm(start, problem)
    if problem.input_is_a_minimiser():
        here = iter([_observed_as_state(engine, reference)])
        return follow(here, None, status=Status.INPUT_IS_MINIMISER, records=records, callback=callback)
    constant = constant_minimiser(engine)
    if constant is not None and constant.certificate.gap <= gap:
        here = iter([State(engine, 0, constant.picture, 0.0, constant.certificate, reference)])
        return follow(
            here, constant, status=Status.ITERATION_LIMIT, gap=gap, records=records, callback=callback, keep_dual=keep_dual
        )  # fmt: skip
    del constant
    # Nothing here may keep the solver alive: its arrays go before the result comes.
    return follow(
        *_states(engine, gap, iterations, reference, watched, dual, keep_dual),
        status=Status.ITERATION_LIMIT, gap=gap, records=records, callback=callback, keep_dual=keep_dual,
    )  # fmt: skip


def follow(
    states: Iterator[State],
    solver: Solver | None,
    *,
    status: Status,
    gap: float | None = None,
    records: bool = False,
    callback: Callable[[State], object] | None = None,
    keep_dual: bool = False,
) -> Solution:
    """Run to the end, or until the callback says so. `status` is what the end is called if no certificate meets `gap`."""
    log: list[IterationRecord] = []
    for state in states:
        if records:
            log.append(state.record)
        if callback is not None and callback(state):
            status = Status.STOPPED
            break
    certificate, problem = state.certificate, state.problem
    if certificate is not None and gap is not None and status is Status.ITERATION_LIMIT and certificate.gap <= gap:
        status = Status.CONVERGED
    dual = _kept(solver, problem) if keep_dual else None
    # The arrays of the iteration go before the result comes.
    states, solver = iter(()), None
    return Solution(
        image=state.image,
        iterations=state.iteration,
        cost=state.record.cost if records else state.cost,
        status=status,
        records=log,
        bound=certificate.bound if certificate else None,
        gap=certificate.gap if certificate else None,
        psnr_db=_psnr(state),
        input_is_a_minimiser=problem.input_is_a_minimiser(),
        dual=dual,
    )


def _states(
    engine: Engine, gap: float, iterations: int, reference: Reference | None, watched: bool, dual: Array | None, keep_dual: bool
) -> tuple[Iterator[State], Solver]:
    problem, target, spread = engine.problem, GapTarget(gap), engine.contrast() or 1.0
    if can_project(problem) and engine.projects.holds(mean_of(problem.regulariser.weight), spread, gap):
        projection = GradientProjection(problem, dual=dual, engine=engine)
        return projection.states(iterations, target=target, reference=reference, every=watched), projection
    bregman = SplitBregman(
        problem,
        penalties_of(problem, spread),
        relaxation=1.8,
        split_fidelity=problem.fidelity.curvature is None,
        start_from_observed=True,
        anchors=anchors_of(problem),
        dual=dual,
        keep_dual=keep_dual,
        engine=engine,
    )
    return bregman.states(iterations, target=target, reference=reference, watched=watched), bregman


def _observed_as_state(engine: Engine, reference: Reference | None) -> State:
    """Iteration 0 of a problem that f itself solves: the certificate is the theorem."""
    problem = engine.problem
    cost = engine.cost(problem.observed)
    certificate = Certificate(problem.observed, cost, cost - problem.margin(cost), 0.0, 0.0)
    return State(engine, 0, problem.observed, 0.0, certificate.in_units(problem.unit, problem.cost_unit), reference)


def _psnr(state: State) -> float | None:
    """That of what is returned, whatever the last iteration has tallied."""
    if state.reference is None:
        return None
    picture = state.picture
    return state.reference.scores(state.engine.squared_error(picture, state.reference.clean_as(picture.dtype)))[2]


def _warm(start: Solution, problem: Problem) -> Array:
    """The dual variable to set out from: scaled with λ, so that it stays feasible."""
    if not isinstance(start, Solution):
        raise ValueError(f"start must be what denoise returned with keep_dual=True, not {start!r:.40}")
    if start.dual is None:
        raise ValueError("start keeps no dual variable: call denoise with keep_dual=True for it")
    if start.dual.p.shape != (problem.axes, *problem.observed.shape):
        raise ValueError("start is a solution of another picture: their shapes must agree")
    factor = mean_of(problem.regulariser.weight) / start.dual.weight
    scaled: Array = start.dual.p * problem.observed.dtype.type(factor)
    return scaled


def _kept(solver: Solver | None, problem: Problem) -> Dual | None:
    if not isinstance(problem.regulariser.weight, float):
        return None  # scaling would leave the ball where λ is a map of another shape
    p = solver.p if solver is not None else None
    return None if p is None else Dual(p, problem.regulariser.weight)
