"""See to it that no process outlives the one that watches it; read by whoever starts one."""

import ctypes
import signal
import sys

_PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None) if sys.platform == "linux" else None


def follow_parent() -> None:
    """Run in a child before exec: ask the kernel to end it when its parent dies.

    A parent that is killed outright cannot tell its children. Linux only; elsewhere a no-op.
    """
    if _LIBC is not None:
        _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
