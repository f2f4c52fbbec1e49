"""A network that never ends, at opening or at a run, is ended, and its thread with it."""

import os
import pickle
import resource
import threading
import time
import zipfile
from pathlib import Path
from threading import Event

import numpy as np
import pytest

from inference.artefacts import session
from inference.artefacts.errors import ArtefactError, Refusal
from inference.artefacts.leash import Leash
from inference.artefacts.network_files import MAX_NETWORK_BYTES, read_network
from inference.artefacts.registry import Registry
from inference.artefacts.session import NoAnswerError, open_session
from inference.artefacts.signal_loading import Loading
from inference.artefacts.signal_network import SignalNetwork
from market.candles.timeframes import Timeframe
from tests.integration.brought_networks import (
    FOREIGN,
    endless,
    forecaster,
    large,
    node,
    with_weights_elsewhere,
)
from tests.unit.artefact_files import NAME
from tests.unit.signal_artefacts import SYMBOLS, NoTorch, write_folder

FEED = {"features": np.ones((2, 20), np.float32)}


@pytest.fixture
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session, "RUN_SECONDS", 0.2)


BODIES = {
    "of_next_to_nothing": [node("Identity", ["v"], "next")],
    "that_computes": [
        node("Constant", [], "sides", value_ints=[500, 500]),
        node("ReduceSum", ["v"], "sum", keepdims=0),
        node("Expand", ["sum", "sides"], "square"),
        node("MatMul", ["square", "square"], "power"),
        node("ReduceSum", ["power"], "total", keepdims=0),
        node("Add", ["v", "total"], "next"),
    ],
}


@pytest.mark.parametrize("body", BODIES)
@pytest.mark.usefixtures("soon")
def test_run_of_an_endless_loop_ends_and_frees_its_thread(body: str, tmp_path: Path) -> None:
    path = endless(tmp_path / NAME, BODIES[body])
    opened = open_session(path.read_bytes(), path)
    caught: list[Exception] = []

    def run() -> None:
        try:
            opened.run(["forecast"], FEED)
        except NoAnswerError as error:
            caught.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(20)

    assert not thread.is_alive()
    assert [str(error) for error in caught] == ["it gives no answer within 0.2 s of computing"]
    with pytest.raises(NoAnswerError):  # and is not asked again
        opened.run(["forecast"], FEED)


def test_leash_counts_what_its_holder_computes_not_what_others_do() -> None:
    cut: list[str] = []
    leash, held, go_on = Leash(lambda: cut.append("cut"), 0.05), Event(), Event()

    def hold() -> None:
        with leash:
            held.set()
            go_on.wait(20)
            _compute(0.1)
            leash.cut_if_due()

    thread = threading.Thread(target=hold, daemon=True)
    thread.start()
    assert held.wait(20)
    _compute(0.1)
    leash.cut_if_due()
    assert cut == []
    go_on.set()
    thread.join(20)
    assert cut == ["cut"] and leash.is_cut


def test_run_that_ends_is_let_be(tmp_path: Path) -> None:
    path = forecaster(tmp_path / NAME)
    opened = open_session(path.read_bytes(), path)
    for _ in range(3):
        (said,) = opened.run(["forecast"], FEED)
        assert said.shape == (2, 6)


@pytest.mark.usefixtures("soon")
def test_registry_endless_network_is_too_slow(tmp_path: Path) -> None:
    path = endless(tmp_path / NAME, BODIES["of_next_to_nothing"])

    with pytest.raises(ArtefactError, match=r"no answer within 0\.2 s") as caught:
        Registry(configured=str(path), base_dir=tmp_path, var_dir=tmp_path).load_at(path)

    assert caught.value.code is Refusal.TOO_SLOW


def test_opening_runs_no_part_of_a_network(tmp_path: Path) -> None:
    # 400 MB of constants, which ONNX Runtime would compute at opening, where nothing bounds it.
    path = large(tmp_path / NAME, 10_000, of="weights")
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

    open_session(path.read_bytes(), path)

    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100_000


@pytest.mark.parametrize("place", ["pyproject.toml", "../../etc/passwd", "/etc/passwd", "none.bin"])
def test_network_with_its_weights_in_another_file_is_refused(place: str, tmp_path: Path) -> None:
    path = with_weights_elsewhere(tmp_path / NAME, place)
    with pytest.raises(ArtefactError, match="names other files that hold its weights"):
        open_session(path.read_bytes(), path)


def test_file_that_is_no_network_is_refused_in_one_line(tmp_path: Path) -> None:
    path = forecaster(tmp_path / NAME, FOREIGN, "evil")
    with zipfile.ZipFile(tmp_path / "zip", "w") as archive:
        archive.write(path)
    contents = {
        "a zip": (tmp_path / "zip").read_bytes(),
        "a pickle": pickle.dumps({"weights": [1.0]}),
        "of operators that nobody knows": path.read_bytes(),
    }
    for content in contents.values():
        with pytest.raises(ArtefactError, match="is not a network that ONNX") as caught:
            open_session(content, path)
        assert "\n" not in str(caught.value)


def test_network_that_is_refused_is_opened_once_for_all_its_coins(tmp_path: Path) -> None:
    opened: list[Path] = []

    def refuse(content: bytes, digest: str, path: Path, symbols: int) -> SignalNetwork:
        opened.append(path)
        raise ArtefactError(Refusal.TOO_SLOW, path, "takes for ever")

    write_folder(tmp_path / "v2", timeframe=Timeframe.H1, version="v2")
    loading = Loading((), NoTorch(tmp_path), refuse)
    for symbol in SYMBOLS:
        with pytest.raises(ArtefactError, match="takes for ever"):
            loading.load_at(tmp_path / "v2", symbol, Timeframe.H1)
    assert len(opened) == 1


def test_read_network_larger_than_any_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / NAME
    with path.open("wb") as file:
        file.truncate(2**31)
    with pytest.raises(ArtefactError, match=f"is larger than {MAX_NETWORK_BYTES} bytes"):
        read_network(path)


def test_read_network_of_what_is_no_file_is_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "round").symlink_to("round")
    told = {}
    for name in ("pipe", "round", "", "none"):
        with pytest.raises(ArtefactError) as caught:
            read_network(tmp_path / name)
        told[name] = caught.value.message
    assert told == {
        "pipe": "is a device or a pipe, not a file",
        "round": "cannot be read: Too many levels of symbolic links",
        "": "cannot be read: Is a directory",
        "none": "there is no such file",
    }


def _compute(seconds: float) -> None:
    end = time.thread_time() + seconds
    while time.thread_time() < end:
        pass
