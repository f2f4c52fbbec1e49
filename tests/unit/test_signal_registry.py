"""The signal registry: which folder wins, what is refused by which code, what is kept."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from inference.artefacts.errors import ArtefactError, Refusal
from inference.artefacts.signal_manifest import (
    MANIFEST_NAME,
    NETWORK_NAME,
    TORCH_NAME,
)
from inference.artefacts.signal_registry import ModelRegistry, reason_of
from inference.config import ConfigError
from inference.vocabulary import Role, SignalReason
from market.candles.indicators import INDICATOR_NAMES
from market.candles.timeframes import Timeframe
from tests.unit.signal_artefacts import (
    write_folder,
    write_manifest,
    write_onnx,
    write_pooled,
)

H1 = Timeframe.H1
BTC = "BTCUSDT"


@pytest.fixture
def models(tmp_path: Path) -> Path:
    return tmp_path / "models"


def registry(tmp_path: Path, **options: Any) -> ModelRegistry:
    return ModelRegistry(tmp_path / "models", tmp_path / "var", **options)


def refusal(tmp_path: Path, symbol: str = BTC, **options: Any) -> ArtefactError:
    with pytest.raises(ArtefactError) as caught:
        registry(tmp_path, **options).model(symbol, H1)
    return caught.value


def test_registry_own_manifest_serves_that_network_with_its_claims(
    tmp_path: Path, models: Path
) -> None:
    write_folder(models / BTC / "1h", version="own-2", accuracy=0.5, role=Role.BASELINE)
    model = registry(tmp_path).model(BTC, H1)
    assert (model.version, model.accuracy, model.role, model.index) == (
        "own-2",
        0.5,
        Role.BASELINE,
        0,
    )


def test_registry_pointers_to_one_pooled_network_share_one_session(
    tmp_path: Path, models: Path
) -> None:
    write_pooled(models)
    known = registry(tmp_path)
    first, second = known.model(BTC, H1), known.model("ETHUSDT", H1)
    assert first.network is second.network
    assert (first.index, second.index) == (0, 1)


def test_registry_promoted_folder_wins_over_shipped(tmp_path: Path, models: Path) -> None:
    write_pooled(models, version="shipped")
    write_pooled(tmp_path / "var" / "models", version="promoted", network={"seed": 2})
    assert registry(tmp_path).model(BTC, H1).version == "promoted"


def test_registry_promoted_pool_serves_shipped_pointers(tmp_path: Path, models: Path) -> None:
    write_pooled(models, version="shipped")
    write_folder(tmp_path / "var" / "models" / "pooled" / "1h", version="promoted")
    assert registry(tmp_path).model(BTC, H1).version == "promoted"


def test_registry_without_any_file_names_the_place_for_one(tmp_path: Path) -> None:
    error = refusal(tmp_path)
    assert reason_of(error) is SignalReason.MODEL_MISSING
    assert str(tmp_path / "models" / BTC / "1h" / TORCH_NAME) in str(error)


def test_registry_manifest_without_its_network_is_model_missing(
    tmp_path: Path, models: Path
) -> None:
    folder = write_folder(models / BTC / "1h")
    (folder / NETWORK_NAME).unlink()
    error = refusal(tmp_path)
    assert reason_of(error) is SignalReason.MODEL_MISSING
    assert NETWORK_NAME in str(error)


@pytest.mark.parametrize(
    ("changes", "network", "code"),
    [
        ({"features": INDICATOR_NAMES[::-1]}, {}, Refusal.FEATURES),
        ({"input_shape": ("batch", 60, 20)}, {}, Refusal.WIDTH),
        ({"labels": {"SHORT": 2, "NO_TRADE": 1, "LONG": 0}}, {}, Refusal.REFUSED),
        ({"timeframe": Timeframe.H4}, {}, Refusal.REFUSED),
        ({"symbols": ("ETHUSDT",)}, {}, Refusal.REFUSED),
        ({"symbols": ("BTCUSDT", "BTCUSDT")}, {}, Refusal.MANIFEST),
        ({"role": Role.SHADOW}, {}, Refusal.REFUSED),
        ({"files": {"notes.txt": "0" * 64}}, {}, Refusal.MANIFEST),
        ({"files": {NETWORK_NAME: "0" * 64}}, {}, Refusal.DIGEST),
        ({}, {"width": 20}, Refusal.WIDTH),
        ({}, {"outputs": 2}, Refusal.REFUSED),
        ({}, {"output_name": "logits_out"}, Refusal.REFUSED),
        ({}, {"batch": 1}, Refusal.REFUSED),
        ({}, {"symbols": 2}, Refusal.REFUSED),
    ],
)
def test_registry_manifest_that_does_not_hold_is_refused_by_code(
    tmp_path: Path, models: Path, changes: Any, network: Any, code: Refusal
) -> None:
    write_folder(models / BTC / "1h", network=network, **changes)
    error = refusal(tmp_path)
    assert error.code is code
    assert reason_of(error) is SignalReason.ARTEFACT_REFUSED
    assert str(models / BTC / "1h") in str(error)


@pytest.mark.parametrize(
    "text",
    [
        "{",
        '{"version": "x"}',
        '{"points_to": "pooled/1h", "more": 1}',
        '{"points_to": "../../etc"}',
        "[]",
    ],
)
def test_registry_manifest_that_is_none_is_refused(tmp_path: Path, models: Path, text: str) -> None:
    folder = models / BTC / "1h"
    folder.mkdir(parents=True)
    (folder / MANIFEST_NAME).write_text(text)
    error = refusal(tmp_path)
    assert error.code is Refusal.MANIFEST
    assert error.path.name == MANIFEST_NAME


def test_registry_pointer_to_nothing_is_model_missing(tmp_path: Path, models: Path) -> None:
    write_pooled(models)
    shutil.rmtree(models / "pooled")
    assert reason_of(refusal(tmp_path)) is SignalReason.MODEL_MISSING


def test_registry_promotion_is_served_after_a_refresh(tmp_path: Path, models: Path) -> None:
    write_pooled(models, version="one")
    known = registry(tmp_path)
    before = known.models([(BTC, H1), ("ETHUSDT", H1)])
    assert known.refresh() == []
    write_pooled(models, version="two", network={"seed": 2})
    assert set(known.refresh()) == {(BTC, H1), ("ETHUSDT", H1)}
    after = known.models([(BTC, H1), ("ETHUSDT", H1)])
    assert [model.version for model in after if not isinstance(model, ArtefactError)] == ["two"] * 2
    assert before[0] != after[0]


def test_registry_promotion_is_logged_once_a_network_and_a_refusal_with_its_file(
    tmp_path: Path, models: Path
) -> None:
    folder = write_pooled(models, version="one")
    known = registry(tmp_path)
    known.models([(BTC, H1), ("ETHUSDT", H1)])
    with capture_logs() as events:
        write_pooled(models, version="two", network={"seed": 2})
        known.refresh()
        (folder / MANIFEST_NAME).write_text("{")
        known.refresh()
        known.refresh()
    told = [(event["event"], event.get("coins"), event.get("path")) for event in events]
    assert told == [
        ("network_switched", 2, None),
        ("artefact_refused", None, str(folder / MANIFEST_NAME)),
        ("last_good_network_kept", 2, None),
    ]


def test_registry_refresh_within_its_time_looks_at_nothing(tmp_path: Path, models: Path) -> None:
    now = [0.0]
    write_pooled(models, version="one")
    known = registry(tmp_path, monotonic=lambda: now[0])
    known.model(BTC, H1)
    write_pooled(models, version="two", network={"seed": 2})
    assert known.refresh(at_most_every=1.0) == []
    now[0] = 1.5
    assert known.refresh(at_most_every=1.0) == [(BTC, H1)]


def test_registry_last_good_network_is_kept_where_the_new_one_is_refused(
    tmp_path: Path, models: Path
) -> None:
    folder = write_pooled(models, version="one")
    known = registry(tmp_path)
    known.model(BTC, H1)
    write_onnx(folder / NETWORK_NAME, seed=2)
    assert known.refresh() == []
    assert known.model(BTC, H1).version == "one"
    assert [refused.code for refused in known.refused] == [Refusal.DIGEST]
    write_manifest(folder, version="two")
    assert known.refresh() == [(BTC, H1)]
    assert known.model(BTC, H1).version == "two"
    assert known.refused == ()


def test_registry_refused_promotion_leaves_the_shipped_network(
    tmp_path: Path, models: Path
) -> None:
    write_pooled(models, version="shipped")
    folder = tmp_path / "var" / "models" / BTC / "1h"
    folder.mkdir(parents=True)
    (folder / MANIFEST_NAME).write_text("{")
    known = registry(tmp_path)
    assert known.model(BTC, H1).version == "shipped"
    assert [refused.path for refused in known.refused] == [folder / MANIFEST_NAME]


def test_registry_model_put_where_there_was_none_is_found(tmp_path: Path, models: Path) -> None:
    known = registry(tmp_path)
    with pytest.raises(ArtefactError):
        known.model(BTC, H1)
    write_pooled(models)
    assert known.refresh() == [(BTC, H1)]
    assert known.accuracy(BTC, H1) == 0.41


def test_registry_model_taken_away_is_missing(tmp_path: Path, models: Path) -> None:
    write_pooled(models)
    known = registry(tmp_path)
    known.model(BTC, H1)
    shutil.rmtree(models / BTC)
    known.refresh()
    with pytest.raises(ArtefactError):
        known.model(BTC, H1)


def test_registry_metadata_is_the_card_in_builtin_types(tmp_path: Path, models: Path) -> None:
    write_pooled(models)
    card = registry(tmp_path).metadata(BTC, H1)
    assert json.loads(json.dumps(card))["conclusion"].startswith("Made for a test")
    assert (card["version"], card["device"], card["timeframe"]) == ("test-1h-1", "cpu", "1h")


def test_registry_device_that_is_not_there_names_what_is(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="CPUExecutionProvider"):
        registry(tmp_path, device="cuda")


def test_registry_device_that_nobody_knows_names_the_allowed(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cpu, cuda"):
        registry(tmp_path, device="tpu")
