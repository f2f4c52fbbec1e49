"""What a clumsy or a malicious user brings: told in one line, and nothing is left behind."""

import os
from collections.abc import Callable
from io import StringIO
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from django.core.management import CommandError, call_command
from onnx import TensorProto
from pytest_django import Settings

from inference.artefacts.versions import FORECASTER_NAME, Slot, VersionStore
from inference.confined import network
from inference.vocabulary import FORECASTS, SIGNALS
from market.candles.timeframes import Timeframe
from market.hot.vector import FEATURE_COUNT, INDEX
from predictions.importing import taking_in
from predictions.importing.forecast_rows import ForecastRows
from predictions.models import ModelVersion, Promotion
from predictions.promotion import standing
from tests.integration.brought_networks import (
    forecaster,
    large,
    node,
    with_weights_elsewhere,
)
from tests.shipped import SHIPPED
from tests.unit import signal_artefacts

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


def refusal(file: Path, slot: str = "forecasts", **options: Any) -> str:
    with pytest.raises(CommandError) as caught:
        call_command("import_model", str(file), slot=slot, **(BY | options))
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


def dangling(folder: Path) -> Path:
    (folder / "mine.onnx").symlink_to("nowhere.onnx")
    return folder / "mine.onnx"


def two_in_a_folder(folder: Path) -> Path:
    forecaster(folder / "one.onnx")
    forecaster(folder / "two.onnx")
    return folder


WHOLE_NUMBERS = [node("Cast", ["own"], "whole", to=TensorProto.INT64)]
HALF = [node("Slice", ["own", "axis", "from", "axis"], "first")]
SOME = [node("Gather", ["own", "mid"], "some", axis=0)]

BROUGHT: dict[str, tuple[Make, str]] = {
    "zeros_of_2_gb": (sparse, "mine.onnx: is larger than 268435456 bytes"),
    "truncated": (truncated, "mine.onnx: is not a network that ONNX Runtime can open"),
    "a_link_to_nothing": (dangling, "mine.onnx: there is no such file"),
    "a_pipe": (saved(os.mkfifo), "mine.onnx: is a device or a pipe"),
    "a_folder_of_two": (two_in_a_folder, "holds one.onnx, two.onnx: name the one file"),
    "weights_of_the_host": (
        saved(lambda path: with_weights_elsewhere(path, "../../etc/passwd")),
        "mine.onnx: names other files that hold its weights",
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
        "mine.onnx: fails for want of memory on a plausible input",
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


def test_import_of_what_crashes_its_process_is_refused_by_the_users_own_name(
    store: VersionStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(network, "_CHILD", "tests.crashing_child")
    path = forecaster(tmp_path / "mine.onnx")
    assert refusal(path).startswith(f"{path}: ended the process that tried it (Segmentation")
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
    kept = store.folder(FORECASTER, version) / FORECASTER_NAME
    assert kept.read_bytes() == path.read_bytes()
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
def test_import_under_the_shipped_versions_name_is_refused(
    store: VersionStore, tmp_path: Path
) -> None:
    assert "was registered with another network" in refusal(
        forecaster(tmp_path / "mine.onnx"), name=SHIPPED
    )
    assert left_behind(store) == []
    assert standing.champion_version(FORECASTER) == SHIPPED


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


@pytest.mark.parametrize(
    ("changes", "named", "told"),
    [
        ({"symbols": ("btc-usdt",)}, "card.json", "names 'btc-usdt', which is written BTCUSDT"),
        ({"symbols": ("../../etc",)}, "card.json", "etc"),
        ({"features": ("rsi",)}, "card.json", "feature 0 is 'rsi'"),
        ({"symbols": tuple(f"C{n}USDT" for n in range(9))}, "mine.onnx", "fails on a plausible"),
    ],
)
def test_import_signals_whose_manifest_does_not_hold_names_the_file_that_was_given(
    changes: dict[str, Any], named: str, told: str, store: VersionStore, tmp_path: Path
) -> None:
    card = tmp_path / "card.json"
    card.write_bytes(msgspec.json.encode(signal_artefacts.manifest(**changes)))
    signal_artefacts.write_onnx(tmp_path / "mine.onnx", symbols=2)

    said = refusal(tmp_path / "mine.onnx", slot="signals/1h", manifest=card)

    assert said.startswith(f"{tmp_path / named}: ") and told in said
    assert store.versions(Slot(SIGNALS, Timeframe.H1)) == []
