"""The machine as an operator asks of it: room on the disk of VAR_DIR, and memory.

Read by `/api/system` and the alerts. In a container the memory is the container's, where it has a
limit.
"""

from pathlib import Path
from typing import Any

import psutil

CGROUP = Path("/sys/fs/cgroup")


def host_facts(var_dir: Path) -> dict[str, Any]:
    """Return free and total bytes; null where they cannot be known."""
    try:
        disk = psutil.disk_usage(str(var_dir))
    except OSError:
        free = total = None
    else:
        free, total = disk.free, disk.total
    available, memory = memory_bytes()
    return {
        "disk_free_bytes": free,
        "disk_total_bytes": total,
        "memory_available_bytes": available,
        "memory_total_bytes": memory,
    }


def memory_bytes(cgroup: Path = CGROUP) -> tuple[int, int]:
    """Return memory that is available, and all there is."""
    machine = psutil.virtual_memory()
    available, total = int(machine.available), int(machine.total)
    try:
        limit = int((cgroup / "memory.max").read_text())
        used = int((cgroup / "memory.current").read_text()) - _given_up(cgroup)
    except (OSError, ValueError):  # no such group, or no limit: "max"
        return available, total
    return min(available, max(0, limit - used)), min(total, limit)


def _given_up(cgroup: Path) -> int:
    # Pages of files that nobody used of late: they count as used until they are wanted.
    for line in (cgroup / "memory.stat").read_text().splitlines():
        name, _, value = line.partition(" ")
        if name == "inactive_file":
            return int(value)
    return 0
