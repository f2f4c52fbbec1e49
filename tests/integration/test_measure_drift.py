"""`manage.py measure_drift` on a ledger whose market stays, moves, or is too young."""

import json
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import redis
from django.conf import settings
from django.core.management import CommandError, call_command

from inference.artefacts.versions import Slot, VersionStore
from inference.vocabulary import FORECASTS, SIGNALS
from market import keys
from market.candles.timeframes import Timeframe
from market.hot.vector import INDEX, TICK_MS
from predictions.models import DriftReading, ModelVersion
from predictions.promotion.standing import champion_version
from predictions.promotion.told import DRIFT_FIELD, decode_drift
from tests.integration.drifting_ledger import (
    A_DAY,
    STEP,
    VENUE,
    Floats,
    features,
    feed,
    rollups,
)
from tests.integration.versions_ledger import say_signals
from training.drift.inputs import forecast_inputs, input_names
from training.drift.references import FORECASTS_REFERENCE, sketched, write_reference

pytestmark = pytest.mark.django_db


@pytest.fixture
def running(clean_redis: redis.Redis, settings: Any, tmp_path: Path) -> redis.Redis:
    settings.VAR_DIR = tmp_path
    clean_redis.hset(
        keys.clock(),
        mapping={"venue": VENUE, "live": "0", "market_ms": "1", "wall_ms": "1", "speed": "1"},
    )
    return clean_redis


def deeper(days: Floats, features: Floats) -> None:
    features[days > 8, INDEX["bid_strength"]] += 2


def ask(days: Floats, features: Floats) -> None:
    features[:, INDEX["ask_strength"]] += 3


def measured(*options: str) -> dict[str, Any]:
    out = StringIO()
    call_command("measure_drift", "--slot", "forecasts", "--json", *options, stdout=out)
    return {each["name"]: each for each in json.loads(out.getvalue())["slots"][0]["figures"]}


def test_measure_drift_of_a_market_that_moved_names_the_input_alone(running: redis.Redis) -> None:
    feed(15.5, change=deeper)

    found = measured()

    assert [name for name in found if found[name]["drifted"]] == ["bid_strength"]
    assert found["bid_strength"]["against"] == "ledger"
    assert found["bid_strength"]["effect"] > 0.5
    row = DriftReading.objects.get(name="bid_strength", symbol="")
    assert (row.slot, row.venue, row.drifted) == ("forecasts", VENUE, True)
    assert row.value == found["bid_strength"]["value"] > row.bound
    told = decode_drift(running.hget(keys.retraining(), DRIFT_FIELD))
    assert told is not None
    assert (told.venue, told.live, len(told.slots[0].drifted)) == (VENUE, False, 1)


def test_measure_drift_of_a_market_that_stays_finds_none(running: redis.Redis) -> None:
    feed(15.5)

    found = measured()

    inputs = [each for each in found.values() if each["kind"] == "feature"]
    assert {each["drifted"] for each in inputs} == {False}
    assert all(each["value"] < each["bound"] for each in inputs)


def test_measure_drift_of_a_young_ledger_is_unknown_not_zero(running: redis.Redis) -> None:
    feed(6)

    found = measured()

    assert len(found) == 25
    found = {name: each for name, each in found.items() if each["kind"] == "feature"}
    # What is shipped learned from minutes: told, and too little to judge by.
    assert {(each["drifted"], each["against"]) for each in found.values()} == {(None, "training")}
    assert DriftReading.objects.filter(drifted__isnull=True, symbol="").count() == 25


def lay_reference(slot: Slot) -> None:
    learned = 2 * A_DAY
    inputs = forecast_inputs(features(np.random.default_rng(9), learned))
    times = np.arange(learned) * STEP * TICK_MS
    version = champion_version(slot)
    folder = VersionStore(settings.VAR_DIR).folder(slot, version)
    folder.mkdir(parents=True, exist_ok=True)
    sketches = {"BTCUSDT": sketched(input_names(slot), inputs, times)}
    write_reference(folder / FORECASTS_REFERENCE, version, sketches)


def test_measure_drift_holds_against_what_the_version_learned_from(running: redis.Redis) -> None:
    """Where its sketches lie beside it, no first days in the ledger are needed."""
    lay_reference(Slot(FORECASTS))
    feed(2, change=ask)

    found = measured()

    assert [name for name in found if found[name]["drifted"]] == ["ask_strength"]
    assert found["ask_strength"]["against"] == "training"
    assert found["momentum"]["drifted"] is False


def test_measure_drift_holds_no_real_market_against_a_simulated_one(running: redis.Redis) -> None:
    slot = Slot(FORECASTS)
    lay_reference(slot)
    ModelVersion.objects.filter(slot=str(slot)).update(venue="simulated/7")
    feed(2, change=ask)

    found = measured()

    assert {each["against"] for each in found.values()} == {""}
    assert {each["drifted"] for each in found.values()} == {None}


def test_measure_drift_of_signals_pools_the_coins(running: redis.Redis) -> None:
    slot = Slot(SIGNALS, Timeframe.H1)
    shares = np.full((60, 2, 3), 1 / 3)
    version, labels = champion_version(slot), np.ones((60, 2), dtype=np.int64)
    say_signals({version: shares}, labels, champion=version, venue=VENUE)

    out = StringIO()
    call_command("measure_drift", "--slot", str(slot), "--json", stdout=out)
    [told] = json.loads(out.getvalue())["slots"]

    found = {each["name"]: each for each in told["figures"]}
    assert found["rsi_14"]["n"] == 120
    assert found["log_loss"]["n"] == 120
    assert found["log_loss"]["drifted"] is None, "sixty candles are too few"
    assert found["touch"]["value"] == pytest.approx(-2 / 3)


def test_measure_drift_of_another_venue_than_the_running_one_says_so(running: redis.Redis) -> None:
    feed(1, venue="elsewhere")

    out = StringIO()
    call_command("measure_drift", "--slot", "forecasts", stdout=out)

    assert f"nothing was said in {VENUE}" in out.getvalue()
    assert not DriftReading.objects.exists()


def test_measure_drift_of_many_symbols_drifts_where_a_quarter_does(running: redis.Redis) -> None:
    feed(15.5, symbols=("BTCUSDT", "ETHUSDT", "SOLUSDT"), change=deeper)

    found = measured()["bid_strength"]

    assert (found["symbols"], found["drifted_symbols"], found["worst"]) == (3, 1, "BTCUSDT")
    assert found["drifted"] is True
    rows = DriftReading.objects.filter(name="bid_strength").exclude(symbol="")
    assert dict(rows.values_list("symbol", "drifted")) == {
        "BTCUSDT": True,
        "ETHUSDT": False,
        "SOLUSDT": False,
    }


def test_measure_drift_again_at_once_stores_no_second_reading(running: redis.Redis) -> None:
    feed(2)

    measured()
    measured()

    assert DriftReading.objects.filter(symbol="").count() == 25


def test_measure_drift_of_an_unknown_slot_names_those_there_are(running: redis.Redis) -> None:
    with pytest.raises(CommandError, match="forecasts, signals/15m"):
        call_command("measure_drift", "--slot", "signals/7m")


def test_measure_drift_of_a_loss_that_grew_says_from_where(running: redis.Redis) -> None:
    feed(2)
    loss = np.random.default_rng(1).normal(0.98, 0.02, 480)
    loss[430:] += 0.2
    rollups(480, loss, version=champion_version(Slot(FORECASTS)))

    found = measured()

    grown = found["squared_error"]
    assert (grown["kind"], grown["drifted"], grown["n"]) == ("loss", True, 480 * 1800)
    assert grown["reference"] == pytest.approx(0.98, abs=0.02)
    assert grown["value"] == pytest.approx(1.18, abs=0.03)
    assert found["p_up"]["drifted"] is False
    assert found["p_up"]["value"] == pytest.approx(0.0, abs=1e-6)
    assert found["coverage"]["drifted"] is None, "no interval was given"


def test_measure_drift_of_a_loss_that_shrank_is_no_drift(running: redis.Redis) -> None:
    feed(2)
    loss = np.random.default_rng(1).normal(0.98, 0.02, 480)
    loss[430:] -= 0.2
    rollups(480, loss, version=champion_version(Slot(FORECASTS)))

    found = measured()["squared_error"]

    assert found["drifted"] is False
    assert found["value"] < found["reference"]


def test_measure_drift_of_another_versions_record_knows_nothing(running: redis.Redis) -> None:
    feed(2)
    rollups(480, np.ones(480), version="another")

    assert {each["drifted"] for each in measured().values()} == {None}
