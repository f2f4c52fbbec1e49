"""What a clumsy or a malicious user brings: told in one line, and nothing is left behind."""

import os
import pickle
import subprocess
import zipfile
from collections.abc import Callable, Iterator
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from django.core.management import CommandError, call_command
from onnx import TensorProto
from pytest_django import Settings

from inference.artefacts.errors import ArtefactError
from inference.artefacts.manifest import write_manifest
from inference.artefacts.versions import FORECASTER_NAME, Slot, VersionStore
from inference.confined import network as confined_network
from inference.confined.network import confined
from inference.forecasts.service import ServiceSettings, load_speaker
from inference.vocabulary import FORECASTS
from market.hot.vector import FEATURE_COUNT, INDEX
from predictions.importing import taking_in
from predictions.importing.forecast_rows import ForecastRows
from predictions.models import ModelVersion, Promotion
from predictions.promotion import standing
from tests.integration.brought_networks import (
    endless,
    forecaster,
    large,
    node,
    with_weights_elsewhere,
)
from tests.model_versions import add_version, with_model_path
from tests.shipped import SHIPPED
from tests.unit.artefact_files import manifest

pytestmark = pytest.mark.django_db

FORECASTER = Slot(FORECASTS)
BY: dict[str, Any] = {"by": "ann", "why": "a test"}
HORIZON_MS = 10_000
Make = Callable[[Path], Path]


@pytest.fixture
def store(tmp_path: Path, settings: Settings) -> VersionStore:
    settings.VAR_DIR = tmp_path / "var"
    settings.RECORDINGS_DIR = tmp_path / "var" / "recordings"
    return VersionStore(settings.VAR_DIR)


@pytest.fixture
def few_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    """A market at rest, in which only the order book moves: enough to be opened and asked."""
    features = np.zeros((80, FEATURE_COUNT))
    features[:, [INDEX["price"], INDEX["mid_price"]]] = 100.0
    features[:, INDEX["ob_imbalance"]] = np.linspace(-1, 1, 80)
    times = np.arange(80) * 2_000
    rows = ForecastRows(features, np.full(80, np.nan), times, "a made-up market")
    monkeypatch.setattr(taking_in, "recorded_rows", lambda *_: rows)


def refusal(file: Path, **options: Any) -> str:
    with pytest.raises(CommandError) as caught:
        call_command("import_model", str(file), slot="forecasts", **(BY | options))
    assert caught.value.returncode == 1
    return str(caught.value)


def left_behind(store: VersionStore) -> list[str]:
    """Return what an import has left, be it on disk or in the database."""
    rows = ModelVersion.objects.filter(origin="imported").values_list("version", flat=True)
    files = [path for path in store.folder(FORECASTER, "x").parent.rglob("*") if path.is_file()]
    shadows = list(store.shadows(FORECASTER))
    return [*rows, *map(str, files), *shadows, *(str(each) for each in Promotion.objects.all())]


def saved(write: Callable[[Path], object]) -> Make:
    def make(folder: Path) -> Path:
        write(folder / "mine.onnx")
        return folder / "mine.onnx"

    return make


def truncated(folder: Path) -> Path:
    path = forecaster(folder / "mine.onnx")
    path.write_bytes(path.read_bytes()[:-40])
    return path


def sparse(folder: Path) -> Path:
    with (folder / "mine.onnx").open("wb") as file:
        file.truncate(2**31)
    return folder / "mine.onnx"


def zipped(folder: Path) -> Path:
    with zipfile.ZipFile(folder / "mine.onnx", "w") as archive:
        archive.write(forecaster(folder / "inner.onnx"))
    (folder / "inner.onnx").unlink()
    return folder / "mine.onnx"


def dangling(folder: Path) -> Path:
    (folder / "mine.onnx").symlink_to("nowhere.onnx")
    return folder / "mine.onnx"


def two_in_a_folder(folder: Path) -> Path:
    forecaster(folder / "one.onnx")
    forecaster(folder / "two.onnx")
    return folder


WHOLE_NUMBERS = [node("Cast", ["own"], "whole", to=TensorProto.INT64)]
FOREIGN = [node("Evil", ["own"], "evil", domain="their.own")]
HALF = [node("Slice", ["own", "axis", "from", "axis"], "first")]
SOME = [node("Gather", ["own", "mid"], "some", axis=0)]

BROUGHT: dict[str, tuple[Make, str]] = {
    "zeros_of_2_gb": (sparse, "mine.onnx: is larger than 268435456 bytes"),
    "truncated": (truncated, "mine.onnx: is not a network that ONNX Runtime can open"),
    "a_pickle": (
        saved(lambda path: path.write_bytes(pickle.dumps({"weights": [1.0]}))),
        "mine.onnx: is not a network",
    ),
    "a_zip": (zipped, "mine.onnx: is not a network"),
    "a_link_to_nothing": (dangling, "mine.onnx: there is no such file"),
    "a_pipe": (saved(os.mkfifo), "mine.onnx: is a device or a pipe"),
    "a_folder_of_two": (two_in_a_folder, "holds one.onnx, two.onnx: name the one file"),
    "weights_of_the_host": (
        saved(lambda path: with_weights_elsewhere(path, "../../etc/passwd")),
        "mine.onnx: names other files that hold its weights",
    ),
    "weights_of_the_project": (
        saved(lambda path: with_weights_elsewhere(path, "manage.py")),
        "mine.onnx: names other files that hold its weights",
    ),
    "an_operator_of_their_own": (
        saved(lambda path: forecaster(path, FOREIGN, "evil")),
        "No opset import for domain 'their.own'",
    ),
    "whole_numbers": (
        saved(lambda path: forecaster(path, WHOLE_NUMBERS, "whole", answers=TensorProto.INT64)),
        "mine.onnx: does not answer with floating-point numbers",
    ),
    "a_row_too_few": (
        saved(lambda path: forecaster(path, SOME, "some")),
        "mine.onnx: fails on a plausible input",
    ),
    "more_than_all_memory": (
        saved(lambda path: large(path, 60_000)),
        "mine.onnx: fails on a plausible input",
    ),
}


@pytest.mark.parametrize("name", BROUGHT)
@pytest.mark.usefixtures("few_rows")
def test_import_refused_says_so_in_one_line_and_leaves_nothing(
    name: str, store: VersionStore, tmp_path: Path
) -> None:
    make, told = BROUGHT[name]
    folder = tmp_path / "brought"
    folder.mkdir()

    said = refusal(make(folder))

    assert told in said
    assert "\n" not in said and len(said) < 600
    assert left_behind(store) == []


@pytest.mark.usefixtures("few_rows")
def test_import_through_a_link_or_a_folder_takes_the_file(
    store: VersionStore, tmp_path: Path
) -> None:
    (tmp_path / "kept").mkdir()
    path = forecaster(tmp_path / "kept" / "mine.onnx")
    (tmp_path / "link.onnx").symlink_to(path)

    call_command("import_model", str(tmp_path / "kept"), slot="forecasts", **BY, stdout=StringIO())

    (version,) = store.versions(FORECASTER)
    network = store.folder(FORECASTER, version) / FORECASTER_NAME
    assert network.read_bytes() == path.read_bytes()
    assert "has a version" in refusal(tmp_path / "link.onnx")  # the same network once more


@pytest.mark.usefixtures("few_rows")
def test_import_of_a_batch_answered_as_one_row_is_asked_row_by_row(
    store: VersionStore, tmp_path: Path
) -> None:
    path = forecaster(tmp_path / "mine.onnx", HALF, "first")
    call_command("import_model", str(path), slot="forecasts", **BY, stdout=StringIO())
    assert len(store.shadows(FORECASTER)) == 1


def test_import_of_a_file_with_an_odd_name_tells_it_in_one_line(
    store: VersionStore, tmp_path: Path
) -> None:
    odd = tmp_path / "mine\n\x1b[31m\udcff.onnx"
    odd.write_bytes(b"none")
    assert r"mine\n\x1b[31m\udcff.onnx: is not a network" in refusal(odd)


@pytest.mark.usefixtures("few_rows")
def test_import_under_a_name_that_was_had_before_is_refused(
    store: VersionStore, tmp_path: Path
) -> None:
    path = forecaster(tmp_path / "mine.onnx")
    call_command("import_model", str(path), slot="forecasts", name="mine", **BY, stdout=StringIO())
    standing.retire(FORECASTER, "mine", **BY)
    store.remove(FORECASTER, "mine")  # as pruning does: the row stays

    assert "has a version mine already" in refusal(path, name="mine")
    assert store.versions(FORECASTER) == []


@pytest.mark.usefixtures("few_rows")
@pytest.mark.parametrize("place", ["versions", "shadows"])
def test_import_where_nothing_can_be_written_leaves_nothing(
    place: str, store: VersionStore, tmp_path: Path, settings: Settings
) -> None:
    settings.VAR_DIR.mkdir()
    (settings.VAR_DIR / place).write_text("in the way")

    assert "Not a directory" in refusal(forecaster(tmp_path / "mine.onnx"))

    assert left_behind(store) == []


@pytest.mark.parametrize("given", ["none.json", "", "deep.json"])
def test_import_with_a_manifest_that_is_none_names_it(
    given: str, store: VersionStore, tmp_path: Path
) -> None:
    (tmp_path / "deep.json").write_text("[" * 100_000)
    card = tmp_path / given

    said = refusal(forecaster(tmp_path / "mine.onnx"), manifest=card)

    assert said.startswith(f"{card}: ")
    assert left_behind(store) == []


@pytest.fixture
def version(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "version"
    folder.mkdir()
    yield folder


@pytest.fixture
def children(monkeypatch: pytest.MonkeyPatch) -> list[subprocess.Popen[bytes]]:
    """The processes that are started for networks."""
    started: list[subprocess.Popen[bytes]] = []

    class Recorded(subprocess.Popen[bytes]):
        def __init__(self, *given: Any, **options: Any) -> None:
            super().__init__(*given, **options)
            started.append(self)

    monkeypatch.setattr(subprocess, "Popen", Recorded)
    return started


def laid_down(network: Path) -> Path:
    write_manifest(manifest(), network)
    return network.parent


def test_confined_network_without_an_end_is_killed(
    version: Path, children: list[subprocess.Popen[bytes]]
) -> None:
    # A loop without a node: nothing within a process can end it.
    folder = laid_down(endless(version / FORECASTER_NAME, None))
    with (
        pytest.raises(ArtefactError, match=r"was not through with being tried after 2\.5 s"),
        confined(FORECASTER, folder, horizon_ms=HORIZON_MS, seconds=2.5),
    ):
        pass
    assert children[0].poll() is not None


def test_confined_network_that_crashes_is_refused(
    version: Path, children: list[subprocess.Popen[bytes]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(confined_network, "_CHILD", "tests.crashing_child")
    with (
        pytest.raises(ArtefactError, match=r"ended the process that tried it \(Segmentation"),
        confined(FORECASTER, version),
    ):
        pass
    assert children[0].poll() is not None


def test_confined_network_whose_user_breaks_off_is_ended(
    version: Path, children: list[subprocess.Popen[bytes]]
) -> None:
    folder = laid_down(forecaster(version / FORECASTER_NAME))
    with (
        pytest.raises(KeyboardInterrupt),
        confined(FORECASTER, folder, horizon_ms=HORIZON_MS) as network,
    ):
        assert network.run(np.zeros((3, FEATURE_COUNT))).shape == (3, 6)
        raise KeyboardInterrupt
    assert children[0].poll() is not None


def for_two_rows(path: Path) -> Path:
    two = {"two": np.zeros((2, 6), np.float32)}
    return forecaster(path, [node("Add", ["own", "two"], "sum")], "sum", constants=two)


def test_confined_network_that_takes_fewer_rows_than_a_tick_has_is_refused(version: Path) -> None:
    path = for_two_rows(version / FORECASTER_NAME)
    with (
        pytest.raises(ArtefactError, match="fails on plausible inputs"),
        confined(FORECASTER, laid_down(path), horizon_ms=HORIZON_MS, rows=3),
    ):
        pass


def test_promote_network_that_cannot_be_opened_changes_nothing(
    store: VersionStore, tmp_path: Path
) -> None:
    good = add_version(store, FORECASTER, "good")
    standing.promote(FORECASTER, "good", **BY)
    files: dict[str, bytes | Path] = {path.name: path for path in good.iterdir()}
    network = forecaster(tmp_path / FORECASTER_NAME, FOREIGN, "evil")
    write_manifest(manifest(version="bad"), network)
    card = network.with_name("btc_predictor_v1.manifest.json")
    store.add(FORECASTER, "bad", files | {network.name: network, card.name: card})

    with pytest.raises(CommandError, match=r"versions/forecasts/bad/.*is not a network"):
        call_command("promote", "forecasts", "bad", "--why", "a try")

    assert (store.champion(FORECASTER), set(store.shadows(FORECASTER))) == ("good", {SHIPPED})
    assert not Promotion.objects.filter(version="bad").exists()


def test_load_speaker_network_that_fails_on_a_whole_tick_lets_the_trend_speak(
    tmp_path: Path, settings: Settings
) -> None:
    path = for_two_rows(tmp_path / "mine.onnx")
    write_manifest(manifest(), path)
    config = with_model_path(settings.INFERENCE, str(path))
    coins = ("BTCUSDT", "ETHUSDT", "SOLUSDT")

    speaker, status = load_speaker(
        ServiceSettings(config, coins, "", Path(settings.BASE_DIR), tmp_path, "")
    )

    assert (speaker.predictor, status.loaded) == (None, False)
    assert status.refused[-1]["path"] == str(path)
