"""Loops obey links: what was promoted serves, what served before stands in for what is damaged."""

from pathlib import Path

import pytest

from inference.artefacts.catalogue import CatalogueReader
from inference.artefacts.errors import HorizonMismatch, Refusal
from inference.artefacts.places import network_places
from inference.artefacts.registry import Registry
from inference.artefacts.signal_manifest import NETWORK_NAME
from inference.artefacts.signal_registry import ModelRegistry
from inference.artefacts.versions import FORECASTER_NAME, Slot, VersionStore
from inference.forecasts.forecaster import Speaker
from inference.forecasts.model_watch import ModelWatch
from inference.health import ModelStatus
from inference.metrics import LoopMetrics
from inference.vocabulary import FORECASTS, SIGNALS
from market.candles.timeframes import Timeframe
from tests.unit.artefact_files import write_native
from tests.unit.signal_artefacts import write_folder, write_pooled

FORECASTER = Slot(FORECASTS)
H1 = Timeframe.H1
HOUR = Slot(SIGNALS, H1)
BTC = "BTCUSDT"


@pytest.fixture
def base(tmp_path: Path) -> Path:
    """An instance with what is shipped, and three versions of a forecaster."""
    write_native(tmp_path / "models" / FORECASTER_NAME, version="shipped")
    store = VersionStore(tmp_path / "var")
    for version in ("v2", "v3"):
        write_native(store.folder(FORECASTER, version) / FORECASTER_NAME, version=version)
    return tmp_path


@pytest.fixture
def store(base: Path) -> VersionStore:
    return VersionStore(base / "var")


def registry(base: Path, configured: str = "models/btc_predictor_v1.onnx") -> Registry:
    return Registry(configured=configured, base_dir=base, var_dir=base / "var")


def test_registry_promoted_version_wins_over_one_put_there_by_hand(
    base: Path, store: VersionStore
) -> None:
    write_native(base / "var" / "models" / FORECASTER_NAME, version="put")
    assert registry(base).load().version == "put"

    store.set_champion(FORECASTER, "v2")

    loaded = registry(base).load()
    assert (loaded.version, loaded.warnings) == ("v2", ())
    assert loaded.path == store.folder(FORECASTER, "v2") / FORECASTER_NAME


def test_registry_configured_file_elsewhere_wins_over_all(base: Path, store: VersionStore) -> None:
    write_native(base / "own" / "mine.onnx", version="mine")
    store.set_champion(FORECASTER, "v2")

    assert registry(base, str(base / "own" / "mine.onnx")).load().version == "mine"


@pytest.mark.parametrize("harm", ["damaged", "removed", "other horizon"])
def test_registry_champion_that_cannot_serve_previous_stands_in(
    base: Path, store: VersionStore, harm: str
) -> None:
    store.set_champion(FORECASTER, "v3")
    store.set_previous(FORECASTER, "v2")
    network = store.folder(FORECASTER, "v3") / FORECASTER_NAME
    match harm:
        case "damaged":
            network.write_bytes(b"no network")
        case "removed":
            store.remove(FORECASTER, "v3")
        case _:
            write_native(network, version="v3", horizon_seconds=30)

    loaded = registry(base).load()

    assert loaded.version == "v2"
    assert [refused.code for refused in loaded.refused] == [
        {"damaged": Refusal.DIGEST, "removed": Refusal.MISSING}.get(harm, Refusal.HORIZON)
    ]


def test_registry_shipped_network_of_another_horizon_still_stops_the_start(base: Path) -> None:
    write_native(base / "models" / FORECASTER_NAME, version="shipped", horizon_seconds=30)

    with pytest.raises(HorizonMismatch, match="looks 30 s ahead"):
        registry(base).load()


def test_registry_version_without_manifest_bears_its_folders_name(
    base: Path, store: VersionStore
) -> None:
    network = store.folder(FORECASTER, "v2") / FORECASTER_NAME
    network.with_suffix(".manifest.json").unlink()
    store.set_champion(FORECASTER, "v2")

    reader = _catalogue(base)

    found = reader.read().forecaster
    assert found is not None
    assert found.version == "v2"


def test_catalogue_promotion_after_the_first_look_is_seen(base: Path, store: VersionStore) -> None:
    reader = _catalogue(base)
    first = reader.read().forecaster
    assert first is not None
    assert first.version == "shipped"

    store.set_champion(FORECASTER, "v3")

    second = reader.read().forecaster
    assert second is not None
    assert second.version == "v3"


def test_signal_registry_follows_links_there_and_back(tmp_path: Path) -> None:
    known, store = _signals(tmp_path)
    assert known.model(BTC, H1).version == "shipped"

    store.set_champion(HOUR, "v2")
    assert known.refresh() == [(BTC, H1)]
    assert known.model(BTC, H1).version == "v2"
    store.set_champion(HOUR, "v3")
    store.set_previous(HOUR, "v2")
    assert known.refresh() == [(BTC, H1)]
    store.set_champion(HOUR, "v2")
    assert known.refresh() == [(BTC, H1)]

    assert known.model(BTC, H1).version == "v2"
    assert known.refused == ()


def test_signal_registry_damaged_champion_previous_stands_in_until_the_link_moves(
    tmp_path: Path,
) -> None:
    known, store = _signals(tmp_path)
    store.set_champion(HOUR, "v3")
    store.set_previous(HOUR, "v2")
    (store.folder(HOUR, "v3") / NETWORK_NAME).write_bytes(b"damaged")

    assert known.model(BTC, H1).version == "v2"
    (refused,) = known.refused
    assert (refused.code, refused.path) == (
        Refusal.DIGEST,
        tmp_path / "var" / "models" / "pooled" / "1h" / NETWORK_NAME,
    )
    store.set_champion(HOUR, "v2")
    known.refresh()
    assert known.refused == ()


def test_set_champion_over_a_folder_put_there_by_hand_sets_it_aside(tmp_path: Path) -> None:
    known, store = _signals(tmp_path)
    put = store.champion_link(HOUR)
    write_folder(put, version="put")
    assert known.model(BTC, H1).version == "put"

    store.set_champion(HOUR, "v2")

    known.refresh()
    assert known.model(BTC, H1).version == "v2"
    (aside,) = [one for one in put.parent.iterdir() if ".put-aside." in one.name]
    assert (aside / NETWORK_NAME).exists()


async def test_model_watch_refused_file_keeps_the_last_good_one_and_tells_once(
    tmp_path: Path,
) -> None:
    network = tmp_path / FORECASTER_NAME
    answers = {"refused": ({"path": "p", "code": "digest_mismatch", "message": "m"},)}
    good = ModelStatus("v1", loaded=True, digest="1")
    stands_in = ModelStatus("v0", loaded=True, digest="0", refused=answers["refused"])
    served = [stands_in, ModelStatus("v2", loaded=True, digest="2")]
    metrics = LoopMetrics()
    watch = ModelWatch(lambda: (network,), lambda: (Speaker(None), served.pop(0)), good, metrics)
    assert await watch.look() is None

    network.write_bytes(b"damaged")
    assert await watch.look() is None
    assert (watch.serving.version, watch.serving.refused) == ("v1", answers["refused"])
    assert await watch.look() is None
    network.write_bytes(b"mended")
    found = await watch.look()

    assert found is not None
    assert found[1].version == "v2"
    counted = {
        outcome: metrics.registry.get_sample_value(
            "inference_model_switches_total", {"outcome": outcome}
        )
        for outcome in ("kept", "switched")
    }
    assert counted == {"kept": 1.0, "switched": 1.0}


async def test_model_watch_failing_load_keeps_the_last_good_one(tmp_path: Path) -> None:
    def load() -> tuple[Speaker, ModelStatus]:
        raise HorizonMismatch("looks 30 s ahead")

    network = tmp_path / FORECASTER_NAME
    good = ModelStatus("v1", loaded=True, digest="1")
    watch = ModelWatch(lambda: (network,), load, good, LoopMetrics())
    network.write_bytes(b"new")

    assert await watch.look() is None
    assert watch.serving.loaded
    assert "looks 30 s ahead" in watch.serving.refused[0]["message"]


def _catalogue(base: Path) -> CatalogueReader:
    return CatalogueReader(
        places=lambda: network_places(base / "models" / FORECASTER_NAME, base, base / "var"),
        roots=(base / "var" / "models", base / "models"),
        keys=(),
        conversions=base / "converted",
        monotonic=iter(range(0, 1_000, 10)).__next__,
    )


def _signals(tmp_path: Path) -> tuple[ModelRegistry, VersionStore]:
    store = VersionStore(tmp_path / "var")
    write_pooled(tmp_path / "models", version="shipped")
    for seed, version in enumerate(("v2", "v3"), start=2):
        write_folder(store.folder(HOUR, version), version=version, network={"seed": seed})
    return ModelRegistry(tmp_path / "models", tmp_path / "var"), store
