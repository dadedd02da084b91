"""What is written down after an iteration. The fields of `IterationRecord` are the header of the CSV log."""

from __future__ import annotations

from dataclasses import astuple, dataclass, fields

__all__ = ["COLUMNS", "IterationRecord"]


@dataclass(frozen=True, slots=True)
class IterationRecord:
    """One iteration. What was not computed is None, an empty cell in the log.

    cost is that of the picture that the run would return if it ended here; rmse, snr_db and psnr_db compare it with the reference;
    bound ≤ optimum ≤ cost, and gap = (cost − bound)/cost, so that cost·(1 − gap) ≤ optimum.
    """

    iteration: int
    cost: float
    rmse: float | None
    snr_db: float | None
    psnr_db: float | None
    seconds: float
    bound: float | None = None
    gap: float | None = None
    primal_residual: float | None = None
    dual_residual: float | None = None

    def cells(self) -> tuple[float | None, ...]:
        """The values in the order of COLUMNS."""
        return astuple(self)


# The header of the CSV log: names are the interface.
COLUMNS = tuple(column.name for column in fields(IterationRecord))
