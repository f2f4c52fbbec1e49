"""`/api/accuracy` and `manage.py accuracy_report`: the record as bots and people ask for it."""

import json
from collections.abc import Iterator
from io import StringIO
from typing import Any

import pytest
import redis
from django.core.management import CommandError, call_command
from django.test import Client

from inference.vocabulary import Direction, OutcomeStatus, Role, SignalResult, Source
from market import keys
from market.candles.timeframes import Timeframe
from market.clock import MarketTime
from predictions.accuracy.signal_rows import SignalQuestion, find_signals
from predictions.models import (
    ForecastOutcome,
    ForecastRollup,
    LedgerEntry,
    Pruning,
    Signal,
    SignalOutcome,
)
from predictions.moments import moment
from tests.integration.ledger import FIRST_TICK_MS
from tests.integration.refused import refusal
from tests.integration.said_forecasts import VENUE, came, said, store

pytestmark = pytest.mark.django_db

STEP_MS = Timeframe.M15.ms


@pytest.fixture
def market(clean_redis: redis.Redis) -> redis.Redis:
    """A market that runs in the ledger's venue."""
    clock = MarketTime(VENUE, False, float(FIRST_TICK_MS), 0.0, 0.0)
    clean_redis.hset(keys.clock(), mapping=clock.to_hash())
    return clean_redis


@pytest.fixture
def forecasts(leaf: LedgerEntry) -> None:
    """300 forecasts of two coins; two of three were right."""
    pairs = []
    for index in range(300):
        one = said(leaf, index, symbol=["BTCUSDT", "ETHUSDT"][index % 2], mid_price=100.0,
                   predicted_price=100.01)  # fmt: skip
        pairs.append((one, came(one, -1.0 if index % 3 == 0 else 1.0, target_mid=100.02)))
    store(pairs)


def a_signal(leaf: LedgerEntry, index: int, **changes: Any) -> Signal:
    """Store a LONG of the index-th candle."""
    opened = FIRST_TICK_MS + index * STEP_MS
    fields: dict[str, Any] = {
        "venue": VENUE,
        "live": False,
        "symbol": "BTCUSDT",
        "timeframe": "15m",
        "candle_open": opened,
        "candle_close": opened + STEP_MS,
        "revision": 0,
        "batch": index,
        "direction": Direction.LONG.value,
        "confidence": 0.5,
        "p_short": 0.2,
        "p_no_trade": 0.3,
        "p_long": 0.5,
        "entry": 100.0,
        "risk": 1.0,
        "stop_loss": 99.0,
        "take_profit_1": 101.0,
        "provisional": False,
        "model_version": "v1",
        "role": Role.CHAMPION.value,
        "model_digest": "",
        "predicted_at": moment(opened + STEP_MS),
        "prediction_ts": opened + STEP_MS,
        "valid_until_ts": opened + STEP_MS + 120_000,
        "made_ts": opened + STEP_MS,
        "leaf": leaf,
    }
    return Signal.objects.create(**(fields | changes))


def graded(signal: Signal, **changes: Any) -> SignalOutcome:
    """Store that a signal reached its first target."""
    fields: dict[str, Any] = {
        "status": OutcomeStatus.GRADED.value,
        "result": SignalResult.TAKE_PROFIT.value,
        "touched": Direction.LONG.value,
        "path_timeframe": "1m",
        "ended_ts": signal.candle_close + STEP_MS,
        "known_ts": signal.candle_close + 12 * STEP_MS,
        "exit_price": 101.0,
        "r_multiple": 1.0,
        "r_after_fees": 0.8,
        "fee_bp": 10.0,
        "entry_opens": [[0, 100.0], [60_000, 100.0]],
    }
    return SignalOutcome.objects.create(signal=signal, **(fields | changes))


def ask(client: Client, query: str = "") -> Any:
    response = client.get(f"/api/accuracy{query}")
    assert response.status_code == 200, response.content
    return response.json()


def refused(client: Client, query: str) -> str:
    response = client.get(f"/api/accuracy{query}")
    body = response.json()
    assert (response.status_code, body["code"]) == (400, "invalid_parameter"), body
    return str(body["message"])


def test_accuracy_without_parameters_is_of_the_running_markets_forecasts(
    market: redis.Redis, forecasts: None, client: Client
) -> None:
    told = ask(client)
    assert (told["engine"], told["venue"], told["live"]) == ("forecasts", VENUE, False)
    assert (told["overall"]["n"], told["groups"], told["costs"]) == (300, None, None)
    assert told["overall"]["hit_rate"]["value"] == pytest.approx(2 / 3)
    assert told["from"] == "2025-12-26T00:00:00+00:00"
    assert told["risk_coverage"][0]["said"] == 300


def test_accuracy_by_symbol_tells_each_and_the_whole(
    market: redis.Redis, forecasts: None, client: Client
) -> None:
    told = ask(client, "?by=symbol")
    assert [(group["symbol"], group["n"]) for group in told["groups"]] == [
        ("BTCUSDT", 150),
        ("ETHUSDT", 150),
    ]
    assert ask(client, "?symbol=btc-usdt")["overall"]["n"] == 150


def test_accuracy_of_a_window_and_of_the_last(
    market: redis.Redis, forecasts: None, client: Client
) -> None:
    told = ask(client, "?from=2026-01-01T00:01:00Z&to=2026-01-01T00:02:00Z")
    assert (told["overall"]["n"], told["overall"]["hit_rate"]["value"]) == (30, None)
    assert ask(client, "?last=120")["overall"]["n"] == 120


def test_accuracy_of_another_venue_is_empty_and_never_mixed(
    market: redis.Redis, forecasts: None, client: Client
) -> None:
    told = ask(client, "?venue=exchange")
    assert (told["venue"], told["live"], told["overall"]["n"]) == ("exchange", None, 0)
    assert told["overall"]["hit_rate"]["value"] is None


def test_accuracy_with_costs_scores_the_record_again(
    market: redis.Redis, forecasts: None, client: Client
) -> None:
    costs = ask(client, "?fee_bp=5&slippage_bp=1")["costs"]
    assert (costs["fee_bp"], costs["slippage_bp"], costs["latency_ms"]) == (5.0, 1.0, 0)
    assert (costs["unit"], costs["considered"]) == ("bp", 300)
    assert costs["mean"]["value"] == pytest.approx(costs["before"] - 12)
    assert costs["mean"]["value"] < 0


@pytest.mark.parametrize(("entered", "told"), [(29, False), (30, True)])
def test_costs_of_too_few_trades_have_no_figure(
    market: redis.Redis, leaf: LedgerEntry, client: Client, entered: int, told: bool
) -> None:
    for index in range(entered):
        graded(a_signal(leaf, index))
    costs = ask(client, "?engine=signals&latency_ms=30000")["costs"]
    assert (costs["considered"], costs["mean"]["n"]) == (entered, entered)
    assert (costs["mean"]["value"] is not None) is told
    for name in ("before", "median", "total", "share_positive"):
        assert (costs[name] is not None) is told


def test_costs_of_too_few_trades_are_printed_as_unknown(forecasts: None) -> None:
    out = StringIO()
    call_command("accuracy_report", "--fee-bp", "5", "--last", "20", stdout=out)
    bill = out.getvalue().partition("after 5 bp fee")[2]
    assert bill.count("unknown") == 5


def test_accuracy_with_costs_scores_no_more_than_the_last_that_are_asked_for(
    market: redis.Redis, forecasts: None, leaf: LedgerEntry, client: Client
) -> None:
    assert ask(client, "?last=120&fee_bp=5")["costs"]["considered"] == 120
    for index in range(5):
        graded(a_signal(leaf, index))
    assert ask(client, "?engine=signals&last=3&fee_bp=5")["costs"]["considered"] == 3


def test_accuracy_of_the_same_record_has_the_same_etag(
    market: redis.Redis, forecasts: None, client: Client
) -> None:
    first = client.get("/api/accuracy")
    again = client.get("/api/accuracy", headers={"If-None-Match": first["ETag"]})
    assert (again.status_code, again.content) == (304, b"")


@pytest.mark.parametrize(
    ("query", "told"),
    [
        ("?engine=oracle", "engine: must be one of forecasts, signals"),
        ("?horizon=5", "horizon is not a parameter; allowed are by, days, engine, fee_bp"),
        ("?symbol=%20%25", "symbol: "),
        ("?timeframe=15m", "timeframe: only signals have one"),
        ("?engine=signals&source=redis", "source: only forecasts have one"),
        ("?engine=signals&timeframe=5m", "timeframe: must be one of 15m, 1h, 4h, 1d"),
        ("?by=venue", "by: must be one of symbol, model_version, role, source, band"),
        ("?from=yesterday", "from: must be a time in ISO 8601"),
        ("?to=0001-01-01T00:00:00%2B23:00", "to: must be a time in ISO 8601"),
        ("?from=2026-01-02T00:00:00Z&to=2026-01-01T00:00:00Z", "from: must not be after to"),
        ("?last=0", "last: must be from 1 to 100000"),
        ("?last=5&to=2026-01-01T00:00:00Z", "last: takes neither from nor to"),
        ("?fee_bp=cheap", "fee_bp: must be a number"),
        ("?fee_bp=-1", "fee_bp must be a number from 0 to 1000"),
        ("?latency_ms=9999999", "latency_ms must be a number from 0 to 600000"),
        ("?by=symbol&by=role", "by: is given 2 times"),
    ],
)
def test_accuracy_refuses_a_bad_parameter_by_name(
    market: redis.Redis, client: Client, query: str, told: str
) -> None:
    assert told in refused(client, query)


@pytest.mark.parametrize("query", ["symbol=DOGE", "symbol=PAXGUSDT&engine=signals"])
def test_accuracy_of_a_symbol_that_nobody_knows_is_404(
    market: redis.Redis, client: Client, query: str
) -> None:
    told = refusal(client.get(f"/api/accuracy?{query}"), 404, "unknown_symbol")
    assert "is not served here, and the ledger has nothing of it" in told


def test_accuracy_of_a_symbol_that_was_served_once_is_told(
    market: redis.Redis, leaf: LedgerEntry, client: Client
) -> None:
    one = said(leaf, 0, symbol="PAXGUSDT")
    store([(one, came(one, 1.0))])
    assert ask(client, "?symbol=PAXGUSDT")["overall"]["n"] == 1


def test_accuracy_of_a_version_that_never_spoke_is_empty_as_the_list_is(
    market: redis.Redis, forecasts: None, client: Client
) -> None:
    assert ask(client, "?model_version=zzz")["overall"]["said"] == 0
    assert client.get("/api/forecasts?model_version=zzz").json()["results"] == []


def test_accuracy_counts_apart_what_had_no_mid(
    market: redis.Redis, forecasts: None, leaf: LedgerEntry, client: Client
) -> None:
    stale = said(leaf, 400, source=Source.STALE, mid_price=None)
    store([(stale, ForecastOutcome(forecast=stale, status=OutcomeStatus.GRADED.value))])
    overall = ask(client)["overall"]
    assert (overall["n"], overall["without_mid"], overall["mae"]["n"]) == (301, 1, 300)


def test_accuracy_of_signals_counts_one_a_candle(
    market: redis.Redis, leaf: LedgerEntry, client: Client
) -> None:
    for index in range(40):
        graded(a_signal(leaf, index))
        graded(a_signal(leaf, index, revision=1))
    a_signal(leaf, 50, late=True)
    told = ask(client, "?engine=signals&by=timeframe&latency_ms=30000")
    overall = told["overall"]
    assert (overall["said"], overall["late"], overall["revisions"]) == (81, 1, 40)
    assert (overall["candles"], overall["n"]) == (40, 40)
    assert overall["hit_rate"]["value"] == 1.0
    assert [(group["timeframe"], group["n"]) for group in told["groups"]] == [("15m", 40)]
    assert (told["costs"]["unit"], told["costs"]["considered"]) == ("R", 40)


def test_accuracy_of_signals_without_a_window_is_of_the_newest_thirty_days(
    market: redis.Redis, leaf: LedgerEntry, client: Client
) -> None:
    a_day = 86_400_000 // STEP_MS
    for index in (0, 31 * a_day, 60 * a_day, 61 * a_day):
        graded(a_signal(leaf, index))
    told = ask(client, "?engine=signals")
    assert (told["overall"]["said"], told["from"][:10]) == (3, "2026-02-01")
    everything = ask(client, "?engine=signals&from=2026-01-01T00:00:00Z")
    assert everything["overall"]["said"] == 4


def test_counted_signals_are_the_first_timely_of_each_candle(leaf: LedgerEntry) -> None:
    a_signal(leaf, 0, late=True)
    first = a_signal(leaf, 0, revision=1)
    a_signal(leaf, 0, revision=2)
    only = a_signal(leaf, 1)
    a_signal(leaf, 1, role=Role.SHADOW.value, model_version="trial")
    asked = SignalQuestion(VENUE)
    assert list(asked.counted().order_by("id")) == [first, only]
    assert len(find_signals(asked).rows) == 2
    shadow = SignalQuestion(VENUE, role=Role.SHADOW.value)
    assert [each.model_version for each in shadow.counted()] == ["trial"]


def test_last_of_signals_takes_the_newest_graded(leaf: LedgerEntry) -> None:
    for index in range(5):
        graded(a_signal(leaf, index))
    a_signal(leaf, 6)
    found = find_signals(SignalQuestion(VENUE, last=3))
    assert (len(found.rows), found.limited) == (3, False)


@pytest.fixture
def no_redis(settings: Any) -> Iterator[None]:
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    yield


def test_accuracy_without_redis_needs_a_venue(
    no_redis: None, forecasts: None, client: Client
) -> None:
    response = client.get("/api/accuracy")
    assert (response.status_code, response.json()["code"]) == (503, "redis_unavailable")
    assert ask(client, f"?venue={VENUE}")["overall"]["n"] == 300


def test_accuracy_report_prints_figures_with_their_intervals(forecasts: None) -> None:
    out = StringIO()
    call_command("accuracy_report", "--by", "symbol", "--fee-bp", "5", stdout=out)
    text = out.getvalue()
    assert f"forecasts of {VENUE} (not live)" in text
    assert "hit_rate" in text
    assert "symbol ETHUSDT" in text
    assert "after 5 bp fee" in text
    assert "hit rate by share kept" in text


def test_accuracy_report_as_json_is_what_rest_answers(
    market: redis.Redis, forecasts: None, client: Client
) -> None:
    out = StringIO()
    call_command("accuracy_report", "--json", "--rebuild", stdout=out, stderr=StringIO())
    assert json.loads(out.getvalue()) | {"status": "success"} == ask(client)


def test_accuracy_report_names_hours_that_it_cannot_add_up_anew(leaf: LedgerEntry) -> None:
    one = said(leaf, 0)
    store([(one, came(one, 1.0))])
    err = StringIO()
    call_command("accuracy_report", "--rebuild", stdout=StringIO(), stderr=err)
    assert err.getvalue() == "1 hours added up anew\n"
    ForecastRollup.objects.update(said=3)
    Pruning.objects.create(engine="forecasts", venue=VENUE, before_ts=2 * FIRST_TICK_MS)
    call_command("accuracy_report", "--rebuild", stdout=StringIO(), stderr=err)
    assert err.getvalue().splitlines()[1:] == [
        "0 hours added up anew",
        f"kept 2026-01-01T00:00:00+00:00 of {VENUE}: 1 of its 3 forecasts are left, the others "
        "were pruned",
    ]


def test_accuracy_report_of_an_empty_ledger_says_so(db: None) -> None:
    with pytest.raises(CommandError, match="the ledger holds no signals yet"):
        call_command("accuracy_report", "--engine", "signals")


def test_accuracy_report_refuses_a_bad_value_by_name(db: None) -> None:
    with pytest.raises(CommandError, match="last: must be from 1"):
        call_command("accuracy_report", "--last", "0")
    with pytest.raises(CommandError, match="PAXGUSDT is not served here"):
        call_command("accuracy_report", "--symbol", "PAXGUSDT", "--venue", VENUE)
    with pytest.raises(CommandError, match="from: must not be after to"):
        call_command("accuracy_report", "--from", "2026-01-02", "--to", "2026-01-01")
