"""What `/api/models` says of slots, and each slot's history: verdicts, runs, deeds, drift."""

import shutil
import time
from pathlib import Path
from typing import Any

import msgspec
import pytest
import redis
from django.db import OperationalError, connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from pytest_django import Settings

from inference.artefacts.versions import Slot, VersionStore
from inference.vocabulary import FORECASTS
from market import keys
from predictions.api import served_models
from predictions.promotion import standing
from predictions.promotion.told import DRIFT_FIELD, DriftTold, SlotDrift, encode_drift
from predictions.promotion.told_watches import (
    ROLLBACK_FIELD,
    Standing,
    WatchesTold,
    WatchTold,
    encode_watches,
)
from tests.integration import retraining_rows as rows
from tests.integration.test_api_schema import check, document
from tests.integration.test_models_api import asked, beat
from tests.integration.web_socket import store_clock
from tests.model_versions import add_version
from tests.shipped import SHIPPED

pytestmark = pytest.mark.django_db
__all__ = ["document"]

WATCHES = WatchesTold(
    venue=rows.VENUE,
    live=False,
    made_ms=time.time_ns() // 1_000_000,
    watches=(
        WatchTold(
            slot="forecasts",
            version=SHIPPED,
            rival="v0",
            e_value=2.5,
            highest=3.0,
            threshold=100.0,
            difference=0.01,
            blocks=400,
            decisions=4_000,
            through_ms=1,
            standing=Standing.FROZEN,
        ),
    ),
    rolled_back=(),
)
DRIFT = DriftTold(
    venue=rows.VENUE,
    live=False,
    made_ms=time.time_ns() // 1_000_000,
    slots=(SlotDrift(slot="signals/1h", version="v1", problem="too few predictions"),),
)


@pytest.fixture(autouse=True)
def var(settings: Settings, tmp_path: Path, clean_redis: redis.Redis) -> Path:
    """An instance of this test's own, where nothing was promoted."""
    settings.VAR_DIR = tmp_path
    return tmp_path


def slots(client: Client) -> dict[str, dict[str, Any]]:
    return {each["slot"]: each for each in asked(client)["slots"]}


def test_slots_of_a_fresh_instance_are_served_as_shipped_and_know_nothing_else(
    client: Client, document: dict[str, Any]
) -> None:
    told = asked(client)

    assert [each["slot"] for each in told["slots"]] == [
        "forecasts", "signals/15m", "signals/1h", "signals/4h", "signals/1d"
    ]  # fmt: skip
    for each in told["slots"]:
        assert each["champion"]["origin"] == "shipped"
        assert each["champion"]["since"] is None
        assert each["trials"] == []
        assert (each["frozen"], each["run"], each["drift"]) == (None, None, None)
    assert told["retraining"] == {
        "status": "down", "schedule": "off", "next_due": None, "why": None, "doing": None
    }  # fmt: skip
    check(document, "/api/models", 200, told)


def test_slots_tell_who_is_on_trial_the_newest_run_and_what_drifted(
    client: Client, document: dict[str, Any], clean_redis: redis.Redis
) -> None:
    newest = rows.life()
    rows.version("by-hand", "shadow")
    rows.version("v0", "previous")
    rows.deed("signals/1h", "freeze", "", by="operator", why="while I am away")
    rows.deed("signals/4h", "freeze", "", by="operator", why="over")
    rows.deed("signals/4h", "unfreeze", "", by="operator", why="over")
    store_clock(clean_redis, now_ms=rows.UNTIL_MS - 86_400_000, venue=rows.VENUE, speed=0)

    told = asked(client)
    found = {each["slot"]: each for each in told["slots"]}

    trials = {each["version"]: each for each in found["forecasts"]["trials"]}
    judged = trials[rows.CHALLENGER]
    assert (judged["run"], judged["market"], judged["days_left"]) == (newest.pk, rows.VENUE, 1.0)
    assert judged["until"] == "2027-01-15T08:00:00.000+00:00"
    assert (trials["by-hand"]["run"], trials["by-hand"]["until"]) == (None, None)
    assert (trials["v0"]["state"], found["forecasts"]["previous"]) == ("previous", "v0")
    assert found["forecasts"]["run"]["id"] == newest.pk
    assert found["forecasts"]["drift"] == {
        "measured_at": rows.MEASURED.isoformat(), "figures": 3, "judged": 2, "drifted": 1
    }  # fmt: skip
    assert found["signals/1h"]["frozen"]["by"] == "operator"
    assert found["signals/4h"]["frozen"] is None
    check(document, "/api/models", 200, told)


def test_slots_trial_in_another_market_or_with_garbage_knows_no_days_left(
    client: Client, document: dict[str, Any], clean_redis: redis.Redis
) -> None:
    newest = rows.life()
    store_clock(clean_redis, now_ms=rows.UNTIL_MS, venue="replay/other")

    (trial,) = slots(client)["forecasts"]["trials"]
    assert (trial["days_left"], trial["until"] is None) == (None, False)

    several: list[Any] = [{"until_ms": 1e300, "venue": 7}, [], "soon", {"until_ms": "x"}]
    for garbage in several:
        newest.metrics["trial"] = garbage
        newest.save()
        told = asked(client)
        check(document, "/api/models", 200, told)
        assert told["slots"][0]["trials"][0]["until"] is None


def test_slots_tell_what_shadows_watches_and_drift_say_in_redis(
    client: Client, document: dict[str, Any], clean_redis: redis.Redis
) -> None:
    rows.life()
    said: dict[str, Any] = {"slot": "forecasts", "version": rows.CHALLENGER, "state": "speaking"}
    said |= {"message": "", "said": 40, "skipped": {"too_late": 2, "no_features": 1}, "behind": 0}
    beat(clean_redis, "shadow", leading=True, versions=[said, 7])
    beat(clean_redis, "retrain", schedule="monthly", next_due_ms=rows.UNTIL_MS, doing="retrain")
    clean_redis.hset(keys.retraining(), ROLLBACK_FIELD, encode_watches(WATCHES))
    clean_redis.hset(keys.retraining(), DRIFT_FIELD, encode_drift(DRIFT))

    told = asked(client)
    forecasts, _, hourly, *_ = told["slots"]

    assert forecasts["trials"][0]["voice"] == {
        "state": "speaking", "message": "", "said": 40, "skipped": 3, "behind": 0
    }  # fmt: skip
    watch = forecasts["watch"]
    assert (watch["against"], watch["e_value"], watch["threshold"]) == ("v0", 2.5, 100.0)
    assert (watch["n"], watch["venue"], watch["standing"]) == (4_000, rows.VENUE, "frozen")
    assert hourly["watch"] is None
    assert hourly["drift_problem"] == "too few predictions"
    assert told["retraining"] == {
        "status": "healthy", "schedule": "monthly", "next_due": "2027-01-15T08:00:00.000+00:00",
        "why": None, "doing": "retrain",
    }  # fmt: skip
    check(document, "/api/models", 200, told)


def test_slots_watches_told_too_long_ago_are_unknown(
    client: Client, clean_redis: redis.Redis
) -> None:
    rows.life()
    old = msgspec.structs.replace(WATCHES, made_ms=WATCHES.made_ms - 7_200_000)
    clean_redis.hset(keys.retraining(), ROLLBACK_FIELD, encode_watches(old))

    told = slots(client)["forecasts"]
    metrics = client.get("/metrics").content.decode()
    alerts = {each["code"] for each in client.get("/api/system").json()["alerts"]}

    assert told["watch"] is None
    assert "rollback_e_value{" not in metrics
    assert "model_loses" not in alerts


def test_slots_garbage_in_redis_is_unknown(client: Client, clean_redis: redis.Redis) -> None:
    rows.life()
    clean_redis.hset(keys.retraining(), mapping={ROLLBACK_FIELD: "{", DRIFT_FIELD: "[]"})
    beat(clean_redis, "shadow", versions={"a": 1})

    told = slots(client)["forecasts"]

    assert (told["watch"], told["drift_problem"], told["trials"][0]["voice"]) == (None,) * 3


def test_slots_champion_has_its_promotion_only_while_it_serves(client: Client) -> None:
    serving = slots(client)["forecasts"]["champion"]["version"]
    rows.deed("forecasts", "promote", serving, by="ann", why="better", before="v0")
    told = slots(client)["forecasts"]["champion"]
    assert (told["by"], told["why"]) == ("ann", "better")

    rows.deed("forecasts", "rollback", "v0", by="rollback watch", why="worse", before=serving)
    told = slots(client)["forecasts"]["champion"]
    assert (told["version"], told["by"], told["since"]) == (serving, None, None)


def test_slots_are_null_while_the_database_is_away(
    client: Client, document: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*asked: object) -> None:
        raise OperationalError("no connection")

    monkeypatch.setattr(served_models, "slots_report", away)

    told = asked(client)

    assert (told["database"], told["slots"], len(told["models"])) == ("unavailable", None, 5)
    check(document, "/api/models", 200, told)


def test_slots_follow_a_promotion_and_a_rollback(
    client: Client, document: dict[str, Any], var: Path, settings: Settings
) -> None:
    store, slot = VersionStore(var), Slot(FORECASTS)
    standing.register(slot, add_version(store, slot, "v2"), origin="trained", venue="binance")
    standing.promote(slot, "v2", by="ann", why="it is better", figures={"skill": 0.1})

    told = asked(client)
    forecasts = told["slots"][0]
    check(document, "/api/models", 200, told)
    champion = forecasts["champion"]
    assert (champion["version"], champion["origin"], champion["action"]) == (
        "v2", "trained", "promote"
    )  # fmt: skip
    assert (champion["by"], champion["why"]) == ("ann", "it is better")
    assert forecasts["previous"] == SHIPPED
    assert [each["state"] for each in forecasts["trials"]] == ["previous"]
    assert told["models"][0]["version"] == "v2"

    standing.roll_back(slot, by="rollback watch", why="it lost")
    settings.VAR_DIR = copied(var)
    champion = slots(client)["forecasts"]["champion"]
    assert (champion["version"], champion["origin"], champion["action"]) == (
        SHIPPED, "shipped", "rollback"
    )  # fmt: skip


def copied(var: Path) -> Path:
    """The same files elsewhere: what was found of a place is kept for two seconds."""
    return Path(shutil.copytree(var, var.with_name("copied"), symlinks=True))


def test_models_cost_as_many_queries_for_many_rows_as_for_few(client: Client) -> None:
    rows.life()
    asked(client)
    with CaptureQueriesContext(connection) as few:
        asked(client)
    for index in range(20):
        rows.run("forecasts", None, "failed", "dataset", trials=0, message=f"{index}")
        rows.deed("forecasts", "freeze", "", by="x", why="y")
    with CaptureQueriesContext(connection) as many:
        asked(client)

    assert len(few) == len(many) <= 20


def test_history_tells_verdicts_runs_deeds_and_drift_newest_first(
    client: Client, document: dict[str, Any]
) -> None:
    rows.life()
    rows.life("signals/1h")

    told = client.get("/api/models/history?slot=forecasts").json()

    check(document, "/api/models/history", 200, told)
    assert [each["challenger"] for each in told["verdicts"]] == [rows.CHALLENGER, rows.REJECTED]
    assert [each["passed"] for each in told["verdicts"]] == [True, False]
    assert "luck alone" in told["verdicts"][0]["criteria"][1]["meaning"]
    unknown = told["verdicts"][1]["criteria"][2]
    assert (unknown["figure"], unknown["passed"]) == (None, False)
    assert [each["state"] for each in told["runs"]] == ["on_trial", "rejected"]
    assert told["runs"][0]["cause"] == "spread_bp drifted"
    assert [each["action"] for each in told["promotions"]] == ["trial", "reject"]
    drift = told["drift"]["readings"]
    assert [(each["name"], each["symbol"]) for each in drift] == [
        ("squared error", None), ("spread_bp", "ETHUSDT"), ("spread_bp", None), ("ret_1s", None)
    ]  # fmt: skip
    assert (drift[0]["value"], drift[0]["drifted"]) == (None, None)


def test_words_are_told_as_the_document_says_and_no_parameter_is_taken(
    client: Client, document: dict[str, Any]
) -> None:
    told = client.get("/api/models/words").json()

    check(document, "/api/models/words", 200, told)
    explained = {each["term"]: each["panels"] for each in told["words"]}
    assert explained["PSI"] == ["drift"]
    assert client.get("/api/models/words?slot=forecasts").status_code == 400


def test_history_of_a_slot_without_one_is_empty(client: Client) -> None:
    told = client.get("/api/models/history?slot=signals/1d").json()

    assert told["drift"] is None
    assert told["versions"] == told["verdicts"] == told["runs"] == told["promotions"] == []


@pytest.mark.parametrize(
    ("query", "named"),
    [("", "slot: is not given"), ("?slot=candles", "signals/1h"), ("?slot=forecasts&a=1", "a is")],
)
def test_history_refuses_what_is_no_slot(
    client: Client, document: dict[str, Any], query: str, named: str
) -> None:
    response = client.get(f"/api/models/history{query}")

    assert response.status_code == 400
    assert named in response.json()["message"]
    check(document, "/api/models/history", 400, response.json())


def test_run_tells_what_it_tried_and_why_it_failed(
    client: Client, document: dict[str, Any]
) -> None:
    newest = rows.life()

    told = client.get(f"/api/models/runs/{newest.pk}").json()

    check(document, "/api/models/runs/{id}", 200, told)
    assert [each["loss"] for each in told["tried"]] == [1.5, 1.4, None]
    assert [each["chosen"] for each in told["tried"]] == [False, True, False]
    assert told["tried"][2]["metrics"] == {"why": "diverged"}
    assert [each["challenger"] for each in told["verdicts"]] == [rows.CHALLENGER]
    assert client.get("/api/models/runs/999999").status_code == 404
