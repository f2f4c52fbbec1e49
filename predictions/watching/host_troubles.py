"""What is wrong with the machine, in words. Read by the alerts."""

from collections.abc import Iterator, Mapping
from typing import Any

from predictions.watching.alert import Alert, Severity

LEAST_DISK_BYTES = 2_000_000_000
CRITICAL_DISK_BYTES = 500_000_000
"""SQLite, the append-only file of Redis and recordings cannot be written soon."""
LEAST_MEMORY_SHARE = 0.05


def host_troubles(host: Mapping[str, Any]) -> Iterator[Alert]:
    """Yield what runs out. host: as `host_facts` has it."""
    free = host["disk_free_bytes"]
    if free is not None and free < LEAST_DISK_BYTES:
        yield Alert(
            "disk_low",
            Severity.CRITICAL if free < CRITICAL_DISK_BYTES else Severity.WARNING,
            "disk",
            f"{free / 1e9:.1f} GB are left on the disk of VAR_DIR.",
            "Make room: see manage.py storage_report, and RECORDING_RETENTION_DAYS.",
        )
    available, total = host["memory_available_bytes"], host["memory_total_bytes"]
    if total and available < LEAST_MEMORY_SHARE * total:
        yield Alert(
            "memory_low",
            Severity.WARNING,
            "memory",
            f"{available / 1e6:.0f} MB of {total / 1e9:.1f} GB of memory are available.",
            "End what else runs here, or forecast fewer symbols: processes will be killed.",
        )
