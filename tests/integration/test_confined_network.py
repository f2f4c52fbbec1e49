"""A network in a process of its own: what it does to that is told, and the process is gone."""

import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from django.core.management import CommandError, call_command
from pytest_django import Settings

from inference.artefacts.errors import ArtefactError
from inference.artefacts.manifest import write_manifest
from inference.artefacts.versions import FORECASTER_NAME, Slot, VersionStore
from inference.confined import network as confined_network
from inference.confined.network import confined
from inference.forecasts.service import ServiceSettings, load_speaker
from inference.vocabulary import FORECASTS
from market.hot.vector import FEATURE_COUNT
from predictions.models import Promotion
from predictions.promotion import standing
from tests.integration.brought_networks import FOREIGN, endless, forecaster, node
from tests.model_versions import add_version, with_model_path
from tests.shipped import SHIPPED
from tests.unit.artefact_files import manifest

FORECASTER = Slot(FORECASTS)
BY: dict[str, Any] = {"by": "ann", "why": "a test"}
HORIZON_MS = 10_000


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


@pytest.mark.django_db
def test_promote_network_that_cannot_be_opened_changes_nothing(
    tmp_path: Path, settings: Settings
) -> None:
    settings.VAR_DIR = tmp_path / "var"
    store = VersionStore(settings.VAR_DIR)
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
