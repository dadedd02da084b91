"""How much memory a run may take, and whether a picture fits into it."""

from __future__ import annotations

import os
from pathlib import Path

from denoise_cli.settings import Settings

__all__ = ["budget_of", "fits", "free_memory"]

#: Of the memory that is free, unless --memory says otherwise: the rest is for the files' cache and for other programs.
SHARE = 0.5
#: Files in which Linux says how much is left to a group of processes (a container): limit and use, in bytes.
GROUPS = (
    (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory.current")),
    (Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"), Path("/sys/fs/cgroup/memory/memory.usage_in_bytes")),
)


def budget_of(settings: Settings) -> int | None:
    """Bytes that a run may take: as told, or half of what is free; None where the system does not say."""
    if settings.memory is not None:
        return settings.memory
    free = free_memory()
    return None if free is None else int(SHARE * free)


def fits(values: int, pictures: float, budget: int | None) -> bool:
    """Whether a run that holds `pictures` float32 pictures of so many values at once stays within the budget."""
    return budget is None or 4 * pictures * values <= budget


def free_memory() -> int | None:
    """Bytes that could be had without swapping; None where the system does not say."""
    found = []
    try:
        for line in Path("/proc/meminfo").read_text(encoding="ascii").splitlines():
            if line.startswith("MemAvailable:"):
                found.append(1024 * int(line.split()[1]))
    except (OSError, ValueError):
        if hasattr(os, "sysconf") and "SC_PHYS_PAGES" in os.sysconf_names:
            # macOS does not say what is free: half of all there is counts as that.
            found.append(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2)
    for limit, used in GROUPS:
        try:
            found.append(max(0, int(limit.read_text(encoding="ascii")) - int(used.read_text(encoding="ascii"))))
        except (OSError, ValueError):
            continue
    return min(found) if found else None
