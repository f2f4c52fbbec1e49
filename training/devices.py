"""What a fit computes on, kept to itself so that the same seed gives the same weights.

Read by both engines' fits. On a CPU results repeat to the bit on machines of one kind; on CUDA
torch is told to take deterministic kernels, and to fail where it has none.
"""

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from threadpoolctl import threadpool_limits

from training.options import DEVICES

CUBLAS_WORKSPACE = ":4096:8"
"""Without it cuBLAS may sum in another order each time; it is read when CUDA is first used."""
_ONE_FIT = threading.Lock()


class DeviceError(ValueError):
    """A device that is not known or not here; its text names what is allowed."""


def known_device(name: str) -> str:
    """Return the device's name where torch can compute on it. Raises DeviceError."""
    if name not in DEVICES:
        raise DeviceError(f"--device {name!r} is unknown; allowed are {', '.join(DEVICES)}")
    if name == "cuda" and not torch.cuda.is_available():
        raise DeviceError("--device cuda: torch sees no CUDA device here; allowed is cpu")
    return name


@contextmanager
def repeatable(*, threads: int, device: str = "cpu") -> Iterator[None]:
    """Give one fit torch and BLAS to itself, with so many threads, and its random numbers.

    Torch's random numbers and threads are the process's; a cluster's worker may run several
    fits in threads of one process. Raises DeviceError.
    """
    with _ONE_FIT, threadpool_limits(threads, user_api="blas"):
        before = torch.get_num_threads()
        torch.set_num_threads(threads)
        try:
            with _deterministic(known_device(device)):
                yield
        finally:
            torch.set_num_threads(before)


@contextmanager
def _deterministic(device: str) -> Iterator[None]:
    if device == "cpu":  # its kernels are; the flag would only choose slower ones
        with torch.random.fork_rng(devices=[]):
            yield
        return
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", CUBLAS_WORKSPACE)
    before = torch.are_deterministic_algorithms_enabled()
    torch.use_deterministic_algorithms(True)
    try:
        with torch.random.fork_rng():
            yield
    finally:
        torch.use_deterministic_algorithms(before)
