"""Where fits run: processes of this machine, or the workers of a Dask cluster.

Read by both engines' trainers and by the search. A result is handed over as soon as it is there,
so that it can be written down before the rest is.
"""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import BrokenExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import dask
import joblib
from distributed import Client, KilledWorker, Security
from distributed.client import FutureCancelledError
from distributed.comm.core import connect

from training.standstill import StandstillError, finished

CONNECT_SECONDS = 10
_NO_WARNING = {"distributed.admin.large-graph-warning-threshold": "1TB"}
Result = TypeVar("Result")


class WorkplaceError(Exception):
    """The Dask cluster does not answer or has no worker, or a process died at its work. The
    caller tells the user; what was fitted stays and is gone on from."""


class WorkplaceAwayError(WorkplaceError):
    """The Dask cluster is not there now. It may come back, however often it was asked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Workplace:
    """Where fits run and lie. cluster: address of a Dask scheduler, None for `jobs` processes
    of this machine. folder: fitted networks and checkpoints; a cluster's workers keep their
    checkpoints under the same path, so that a shared disk lets another worker go on."""

    folder: Path
    jobs: int = 1
    cluster: str | None = None
    resume: bool = True


def carry_out(
    function: Callable[..., Result], arguments: Sequence[tuple[Any, ...]], workplace: Workplace
) -> Iterator[tuple[int, Result]]:
    """Call a module's function once for each of `arguments`; give number and result when ready.

    A worker of the cluster that dies loses nothing: another one is sent what it had.
    Raises WorkplaceError where the cluster cannot be used or a process dies.
    """
    if not arguments:
        return iter(())
    if workplace.cluster is None:
        return _in_processes(function, arguments, workplace.jobs)
    return _on_cluster(function, arguments, workplace.cluster)


def require_cluster(address: str) -> None:
    """Raise WorkplaceAwayError where no Dask scheduler with a worker answers at an address."""
    with _cluster(address):
        pass


def _in_processes(
    function: Callable[..., Result], arguments: Sequence[tuple[Any, ...]], jobs: int
) -> Iterator[tuple[int, Result]]:
    calls = [
        joblib.delayed(_numbered)(number, function, *one) for number, one in enumerate(arguments)
    ]
    try:
        yield from joblib.Parallel(jobs, backend="loky", return_as="generator_unordered")(calls)
    except BrokenExecutor as error:
        raise WorkplaceError(
            "a process died while it fitted, most likely for want of memory: start again"
            f" with fewer --jobs than {jobs}"
        ) from error


def _on_cluster(
    function: Callable[..., Result], arguments: Sequence[tuple[Any, ...]], address: str
) -> Iterator[tuple[int, Result]]:
    with _cluster(address) as client, dask.config.set(_NO_WARNING):
        # Spoken to without joblib, whose Dask backend waits for ever for a task that is given up.
        # What a task needs travels with it: scattered, it would die with the worker it lay on.
        futures = [
            client.submit(_numbered, number, function, *one, pure=False)
            for number, one in enumerate(arguments)
        ]
        try:
            for future in finished(client, futures):
                yield future.result()
        except KilledWorker as error:
            raise WorkplaceError(f"workers of {address} died: {error}") from error
        except StandstillError as error:
            raise WorkplaceAwayError(
                f"the Dask cluster at {address} has {len(client.ncores())} workers, and {error}"
            ) from error
        except FutureCancelledError as error:
            raise WorkplaceAwayError(
                f"the Dask scheduler at {address} was lost: {error}"
            ) from error


@contextmanager
def _cluster(address: str) -> Iterator[Any]:
    with _connected(address) as client:
        if not client.ncores():
            raise WorkplaceAwayError(f"the Dask cluster at {address} has no worker")
        yield client


def _connected(address: str) -> Any:
    try:
        # The client itself waits for ever for a greeting, where something else answers.
        asyncio.run(asyncio.wait_for(_greeted(address), 2 * CONNECT_SECONDS))
        return Client(  # type: ignore[no-untyped-call]  # half of Dask has types
            address, timeout=CONNECT_SECONDS, set_as_default=False
        )
    except (OSError, ValueError, TypeError) as error:  # TypeError: tls without certificates
        why = str(error) or "what answers there does not greet as one"
        raise WorkplaceAwayError(f"no Dask scheduler answers at {address}: {why}") from error


async def _greeted(address: str) -> None:
    own = Security().get_connection_args("client")  # type: ignore[no-untyped-call]
    comm = await connect(  # type: ignore[no-untyped-call]
        address, timeout=CONNECT_SECONDS, **own
    )
    await comm.close()


def _numbered(number: int, function: Callable[..., Result], *given: Any) -> tuple[int, Result]:
    return number, function(*given)
