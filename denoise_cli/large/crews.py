"""Who works on tiles: this process, one tile after the other, or the workers of a Dask cluster."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Protocol, TypeVar

__all__ = ["Crew", "SerialCrew"]

Item = TypeVar("Item")
Result = TypeVar("Result")


class Crew(Protocol):
    """workers: how many tiles are in memory at once."""

    workers: int

    def each(self, work: Callable[[Item], Result], items: Iterable[Item]) -> Iterator[tuple[Item, Result]]:
        """work(item) for every item, in any order, as they are done. Raises what the work raises."""
        ...


class SerialCrew:
    """One after the other, each on as many threads as there are cores."""

    workers = 1

    def each(self, work: Callable[[Item], Result], items: Iterable[Item]) -> Iterator[tuple[Item, Result]]:
        for item in items:
            yield item, work(item)
