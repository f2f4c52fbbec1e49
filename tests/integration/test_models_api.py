"""`/api/models`: what is served for what, from files, heartbeats and the recorder's word."""

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import redis
from django.conf import settings as shipped
from django.test import Client
from pytest_django import Settings

from inference.artefacts.errors import Refusal
from inference.vocabulary import FORECASTS, SIGNALS, SignalReason
from market import keys
from tests.documents import ROOT
from tests.unit.signal_artefacts import write_folder

pytestmark = pytest.mark.django_db

POOLED = json.loads((ROOT / "models/pooled/1h/manifest.json").read_text())


@pytest.fixture
def promoted(settings: Settings, tmp_path: Path) -> Path:
    """The folder of promoted networks of an instance of this test's own, empty."""
    settings.VAR_DIR = tmp_path
    folder = tmp_path / "models"
    folder.mkdir()
    return folder


def asked(client: Client) -> dict[str, Any]:
    response = client.get("/api/models")
    assert response.status_code == 200
    document: dict[str, Any] = response.json()
    return document


def slot(document: dict[str, Any], symbol: str, timeframe: str = "1h") -> dict[str, Any]:
    found: dict[str, Any]
    (found,) = (
        each
        for each in document["signals"]["map"]
        if (each["symbol"], each["timeframe"]) == (symbol, timeframe)
    )
    return found


def card(document: dict[str, Any], name: str) -> dict[str, Any]:
    (found,) = (each for each in document["models"] if each["id"] == name)
    return dict(found)


def beat(client: redis.Redis, process: str, **detail: Any) -> None:
    fields: Any = {"status": "healthy", "pid": 1, "ts": 1, "detail": json.dumps(detail)}
    client.hset(keys.health(process), mapping=fields)


def test_models_shipped_map_names_every_coin_and_each_network_once(
    client: Client, clean_redis: redis.Redis, promoted: Path
) -> None:
    document = asked(client)

    assert len(document["signals"]["map"]) == 4 * len(shipped.SIGNAL_SYMBOLS)
    assert all(each["model"] for each in document["signals"]["map"])
    assert [each["engine"] for each in document["models"]] == ["forecasts"] + 4 * ["signals"]
    pooled = card(document, slot(document, "BTCUSDT")["model"])
    assert pooled["serves"] == list(shipped.SIGNAL_SYMBOLS)
    assert pooled["digest"] == POOLED["files"]["cnn_lstm_best.onnx"]
    assert (pooled["role"], pooled["own"], pooled["promoted"]) == ("baseline", False, False)
    assert pooled["training"]["from"] == "2024-01-09T18:00:00+00:00"
    assert document["refused"] == []
    assert pooled["loaded"] is None
    assert pooled["live_record"]["rows"] == []


def test_models_of_a_market_whose_clock_cannot_be_read_claim_no_venue(
    client: Client, clean_redis: redis.Redis, promoted: Path
) -> None:
    clean_redis.set(keys.clock(), "no hash")

    document = asked(client)

    assert (document["venue"], document["live"]) == ("unknown", False)


def test_models_figures_stand_beside_baselines_with_a_verdict(
    client: Client, clean_redis: redis.Redis, promoted: Path
) -> None:
    document = asked(client)

    pooled = card(document, slot(document, "BTCUSDT")["model"])
    walked = pooled["metrics"][0]
    served = next(row for row in walked["rows"] if row["served"])
    assert served["name"] == "LightGBM"
    given = POOLED["metrics"]["walk_forward"]["LightGBM"]["log_loss_skill"]
    assert served["figures"]["log_loss_skill"]["value"] == given["value"]
    told = {each["figure"]: each["verdict"] for each in pooled["verdicts"]}
    assert told["log_loss_skill"] == "beats"
    assert told["direction_given_touch"] == "not_shown"
    assert pooled["gate"]["passed"] is False
    forecaster = document["models"][0]
    assert forecaster["gate"]["passed"] is False
    assert {e["figure"]: e["verdict"] for e in forecaster["verdicts"]}["r2"] == "not_shown"


def test_models_own_network_in_var_wins_for_its_coin_alone(
    client: Client, clean_redis: redis.Redis, promoted: Path
) -> None:
    write_folder(promoted / "BTCUSDT" / "1h", version="own-1", symbols=("BTCUSDT",))

    document = asked(client)

    own = slot(document, "BTCUSDT")
    assert (own["version"], own["own"], own["promoted"]) == ("own-1", True, True)
    assert card(document, own["model"])["serves"] == ["BTCUSDT"]
    assert slot(document, "ETHUSDT")["version"] == POOLED["version"]


def test_models_same_network_in_two_folders_has_two_cards(
    client: Client, clean_redis: redis.Redis, promoted: Path
) -> None:
    folder = promoted / "ETHUSDT" / "4h"
    shutil.copytree(ROOT / "models/pooled/4h", folder)
    manifest = folder / "manifest.json"
    manifest.write_text(manifest.read_text().replace('"role": "baseline"', '"role": "champion"'))

    document = asked(client)

    own, pooled = (slot(document, symbol, "4h") for symbol in ("ETHUSDT", "BTCUSDT"))
    assert (own["role"], pooled["role"]) == ("champion", "baseline")
    assert own["model"] != pooled["model"]
    assert card(document, own["model"])["serves"] == ["ETHUSDT"]
    assert "ETHUSDT" not in card(document, pooled["model"])["serves"]
    assert client.get(card(document, own["model"])["card"]).status_code == 200


def test_models_garbage_manifest_is_named_and_the_shipped_one_stands_in(
    client: Client, clean_redis: redis.Redis, promoted: Path
) -> None:
    folder = promoted / "BTCUSDT" / "1h"
    folder.mkdir(parents=True)
    (folder / "manifest.json").write_text('{"version": 7')

    document = asked(client)

    assert slot(document, "BTCUSDT")["version"] == POOLED["version"]
    (refused,) = document["refused"]
    assert refused["code"] == Refusal.MANIFEST
    assert refused["path"] == "models/BTCUSDT/1h/manifest.json"
    assert str(promoted) not in json.dumps(document)


def test_models_file_with_another_digest_is_refused_and_its_coin_missing(
    client: Client, clean_redis: redis.Redis, promoted: Path, settings: Settings, tmp_path: Path
) -> None:
    settings.BASE_DIR = tmp_path / "base"
    folder = write_folder(promoted / "BTCUSDT" / "1h", symbols=("BTCUSDT",))
    (folder.parent if folder.is_file() else folder).joinpath("cnn_lstm_best.onnx").write_bytes(b"x")

    document = asked(client)

    refused = slot(document, "BTCUSDT")
    assert (refused["model"], refused["code"]) == (None, SignalReason.ARTEFACT_REFUSED)
    assert slot(document, "ETHUSDT")["code"] == SignalReason.MODEL_MISSING
    assert Refusal.DIGEST in {each["code"] for each in document["refused"]}
    assert document["forecasts"]["model"] is None
    assert document["models"] == []


def test_models_heartbeats_say_what_is_loaded_and_refused(
    client: Client, clean_redis: redis.Redis, promoted: Path
) -> None:
    forecaster = asked(client)["models"][0]
    said = {
        "path": "/x/models/a.onnx",
        "code": "artefact_refused",
        "message": "/x/models/a.onnx: no",
    }
    loaded = {"version": "v1", "digest": forecaster["digest"], "refused": [said]}
    beat(clean_redis, "inference", components={"model": loaded})
    beat(clean_redis, "signals", models=[{"timeframe": "1h", "version": "v0", "digest": "0" * 64}])

    document = asked(client)

    assert document["models"][0]["loaded"] is True
    assert card(document, slot(document, "BTCUSDT")["model"])["loaded"] is False
    (refused,) = document["refused"]
    assert (refused["path"], refused["by"]) == ("models/a.onnx", "inference")
    assert refused["message"] == "models/a.onnx: no"


@pytest.mark.parametrize(
    "detail", ["{", "[]", '{"components": 7, "models": [3, {}], "refused": 1}']
)
def test_models_garbage_in_redis_leaves_the_files_word(
    client: Client, clean_redis: redis.Redis, promoted: Path, detail: str
) -> None:
    for process in ("inference", "signals"):
        clean_redis.hset(keys.health(process), mapping={"status": "x", "detail": detail})
    clean_redis.set(keys.quality(FORECASTS), "{")
    clean_redis.hset(keys.quality(SIGNALS), "a", "b")

    document = asked(client)

    assert len(document["models"]) == 5
    assert document["models"][0]["loaded"] is None


def test_models_live_record_is_told_with_n_and_null_where_too_few(
    client: Client, clean_redis: redis.Redis, promoted: Path
) -> None:
    quality = {"n": 12, "hit_n": 11, "hit_rate": None}
    version = asked(client)["models"][0]["version"]
    model = {"role": "baseline", "hour": quality, "day": quality, "reference": quality}
    symbol = {"hour": quality, "day": quality, "models": {version: model}}
    told = {"venue": "simulated", "live": False, "made_ms": 1, "symbols": {"BTCUSDT": symbol}}
    clean_redis.set(keys.quality(FORECASTS), json.dumps(told))

    record = asked(client)["models"][0]["live_record"]

    assert (record["venue"], record["live"], record["measured_ms"]) == ("simulated", False, 1)
    assert [row["window"] for row in record["rows"]] == ["hour", "day", "reference"]
    assert record["rows"][0]["n"] == 12
    assert record["rows"][0]["hit_rate"] is None


def test_models_redis_away_is_answered_from_files(
    client: Client, promoted: Path, settings: Settings, tmp_path: Path
) -> None:
    settings.REDIS_URL = f"unix://{tmp_path / 'nobody.sock'}"

    document = asked(client)

    assert (document["redis"], document["venue"]) == ("unavailable", None)
    assert len(document["models"]) == 5
    assert document["models"][0]["live_record"]["reason"]


def test_model_card_is_plain_text_and_others_are_404(
    client: Client, clean_redis: redis.Redis, promoted: Path
) -> None:
    document = asked(client)

    response = client.get(document["models"][0]["card"])

    assert response["Content-Type"] == "text/plain; charset=utf-8"
    assert response.content.startswith(b"# Hot forecaster")
    assert client.get("/api/models/0000000000000000/card").status_code == 404
    assert client.get("/api/models/../card").status_code == 404


def test_models_are_told_without_a_runtime_for_networks() -> None:
    code = (
        "import sys, os; os.environ['DJANGO_SETTINGS_MODULE'] = 'tests.settings'\n"
        "import django; django.setup(); import predictions.urls\n"
        "print([n for n in ('onnxruntime', 'talib', 'polars', 'pyarrow') if n in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )

    assert done.stdout.strip() == "[]"
