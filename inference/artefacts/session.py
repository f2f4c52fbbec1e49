"""A session of ONNX Runtime in which nothing lasts for ever; the one way to open a network.

Read by both engines' networks. One thread, no spinning. A run that computes for too long is ended
between two nodes of the graph; within one it cannot be, so what others bring is opened in a process
of its own first (`inference.confined`).
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import onnxruntime as ort
from onnxruntime.capi import onnxruntime_pybind11_state as ort_state

from inference.artefacts.errors import ArtefactError, Refusal
from inference.artefacts.leash import Leash

ORT_ERRORS: tuple[type[Exception], ...] = (
    *(
        kind
        for kind in vars(ort_state).values()
        if isinstance(kind, type) and issubclass(kind, Exception)
    ),
    RuntimeError,
    ValueError,
    MemoryError,
)
"""What ONNX Runtime raises; its own classes share no ancestor below Exception."""

OPEN_SECONDS, RUN_SECONDS = 60.0, 11.0
"""Of computing. A run may take a second longer than whoever waits for it does, who says why."""

CPU = ("CPUExecutionProvider",)
_NOT_AT_OPENING = ("ConstantFolding",)
"""It would run parts of the graph where nothing can end them; they are computed in each run."""
_NOWHERE = "/dev/null"
_EXTERNAL = "External data"


class NoAnswerError(RuntimeError):
    """The network takes longer than any may, and is not asked again."""


class BoundedSession:
    """An open session. Safe for threads. Once a run was cut off, every later one fails at once."""

    def __init__(self, session: Any) -> None:
        self._session = session
        self._options = ort.RunOptions()
        # Unset it is looked up in vain at each run: 30 µs of an exception.
        self._options.add_run_config_entry("gpu_graph_id", "-1")
        options = self._options
        self._leash = Leash(lambda: setattr(options, "terminate", True), RUN_SECONDS)

    def run(self, outputs: Sequence[str], feed: Mapping[str, Any]) -> list[Any]:
        """Return the outputs. Raises NoAnswerError, or any of ORT_ERRORS."""
        answers: list[Any] = self._bounded(self._session.run, outputs, feed)
        return answers

    def run_with_iobinding(self, binding: Any) -> None:
        """Run on bound buffers. Raises as `run` does."""
        self._bounded(self._session.run_with_iobinding, binding)

    def io_binding(self) -> Any:
        return self._session.io_binding()

    def get_inputs(self) -> list[Any]:
        inputs: list[Any] = self._session.get_inputs()
        return inputs

    def get_outputs(self) -> list[Any]:
        outputs: list[Any] = self._session.get_outputs()
        return outputs

    def get_providers(self) -> list[str]:
        providers: list[str] = self._session.get_providers()
        return providers

    def _bounded(self, run: Callable[..., Any], *given: Any) -> Any:
        try:
            with self._leash:
                return run(*given, self._options)
        except ORT_ERRORS as error:
            if self._leash.is_cut:
                message = f"it gives no answer within {self._leash.seconds:g} s of computing"
                raise NoAnswerError(message) from error
            raise


def open_session(content: bytes, path: Path, providers: Sequence[str] = CPU) -> BoundedSession:
    """Open an ONNX file's content for inference.

    Raises ArtefactError: artefact_refused where ONNX Runtime cannot open it, artefact_too_slow.
    """
    options = session_options()
    leash = Leash(lambda: options.set_load_cancellation_flag(True), OPEN_SECONDS)
    try:
        with leash:
            # Falling back to the CPU, where a GPU is asked for, is told of on stdout alone.
            session = ort.InferenceSession(
                content,
                options,
                list(providers),
                enable_fallback=int(tuple(providers) != CPU),
                disabled_optimizers=list(_NOT_AT_OPENING),
            )
    except ORT_ERRORS as error:
        if leash.is_cut:
            message = f"is not open after {leash.seconds:g} s of computing"
            raise ArtefactError(Refusal.TOO_SLOW, path, message) from error
        message = f"is not a network that ONNX Runtime can open: {first_line(error)}"
        if _EXTERNAL in message:
            message = "names other files that hold its weights; save it as one file with all in it"
        raise ArtefactError(Refusal.REFUSED, path, message) from error
    return BoundedSession(session)


def failed_trial(error: Exception, path: Path) -> ArtefactError:
    """Return what a network is refused for that failed on a plausible input."""
    if isinstance(error, NoAnswerError):
        return ArtefactError(Refusal.TOO_SLOW, path, f"tried once, {error}")
    why = "for want of memory " if "bad_alloc" in str(error) else ""
    message = f"fails {why}on a plausible input: {first_line(error)}"
    return ArtefactError(Refusal.REFUSED, path, message)


def first_line(error: Exception) -> str:
    """Return what ONNX Runtime says, without the trace that may follow."""
    return str(error).partition("\n")[0] or type(error).__name__


def session_options() -> Any:
    """Return how sessions run here: one thread, no spinning, no arena, no lines of their own."""
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.execution_mode = ort.ExecutionMode.ORT_SEQUENTIAL
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.add_session_config_entry("session.inter_op.allow_spinning", "0")
    options.add_session_config_entry("session.load_model_format", "ONNX")
    # Weights in other files would be read of whatever lies where the process was started.
    options.add_session_config_entry(
        "session.model_external_initializers_file_folder_path", _NOWHERE
    )
    # The arena measured no faster here and keeps what the largest run ever took.
    options.enable_cpu_mem_arena = False
    options.enable_mem_pattern = False
    # Errors reach the log as exceptions; the library's own lines to stderr would double them.
    options.log_severity_level = 4
    return options
