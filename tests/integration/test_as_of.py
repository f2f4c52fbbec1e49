"""`?as_of=`: the ledger as it stood at a moment, so that what was really said can be replayed."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.test import Client

from inference.signals.entry import BatchEntry
from inference.vocabulary import SIGNALS, Direction, OutcomeStatus, Role, SignalResult
from market.candles.timeframes import Timeframe
from predictions.models import Forecast, ForecastOutcome, LedgerEntry, Signal, SignalOutcome
from predictions.transparency.appending import NewEntry, append_entries
from tests.integration.refused import refusal

pytestmark = pytest.mark.django_db

START_MS = 1_767_225_600_000
"""2026-01-01T00:00:00 UTC."""
MINUTE_MS = 60_000


def moment(ms: int) -> str:
    return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=ms)).isoformat()


def leaf_logged_at(stream_ms: int) -> LedgerEntry:
    """Store an empty batch that reached the log at that time of the wall clock."""
    number = LedgerEntry.objects.count()
    packed = BatchEntry(
        venue="any",
        live=False,
        batch=number,
        timeframe=Timeframe.M15,
        made_ms=number,
        missed=0,
        shard=0,
        token=1,
        signals=[],
        gaps=[],
    ).pack()
    new = NewEntry(SIGNALS, "any", 0, number, f"{stream_ms}-0", number, bytes(32), packed)
    return LedgerEntry.objects.get(index=append_entries([new]).leaves[new.hash])


def forecast(at_ms: int, *, logged_ms: int, live: bool = False, **changes: Any) -> Forecast:
    fields: dict[str, Any] = {
        "venue": "exchange" if live else "replay/1",
        "live": live,
        "tick": at_ms // 2_000,
        "symbol": "BTCUSDT",
        "model_version": "v1",
        "base_version": "v1",
        "role": Role.CHAMPION,
        "predicted_at": datetime.fromisoformat(moment(at_ms)),
        "prediction_ts": at_ms,
        "target_ts": at_ms + 10_000,
        "made_ts": at_ms + 2,
        "confidence": 0.5,
        "source": "redis",
        "leaf": leaf_logged_at(logged_ms),
    }
    return Forecast.objects.create(**(fields | changes))


def signal(revision: int = 0, *, made_ms: int = START_MS + 400, **changes: Any) -> Signal:
    fields: dict[str, Any] = {
        "venue": "replay/1",
        "live": False,
        "symbol": "BTCUSDT",
        "timeframe": "15m",
        "candle_open": START_MS - 15 * MINUTE_MS,
        "candle_close": START_MS,
        "revision": revision,
        "batch": made_ms,
        "direction": Direction.LONG,
        "confidence": 0.6,
        "p_short": 0.2,
        "p_no_trade": 0.2,
        "p_long": 0.6,
        "entry": 100.0,
        "risk": 1.0,
        "provisional": False,
        "model_version": "v1",
        "role": Role.CHAMPION,
        "predicted_at": datetime.fromisoformat(moment(START_MS)),
        "prediction_ts": START_MS,
        "valid_until_ts": START_MS + 2 * MINUTE_MS,
        "made_ts": made_ms,
        "leaf": leaf_logged_at(made_ms + 86_400_000),
    }
    return Signal.objects.create(**(fields | changes))


def listed(client: Client, ledger: str, **query: str | int) -> list[dict[str, Any]]:
    if "as_of" in query:
        query["as_of"] = moment(int(query["as_of"]))
    answer = client.get(f"/api/{ledger}", query)
    assert answer.status_code == 200, answer.content
    rows: list[dict[str, Any]] = answer.json()["results"]
    return rows


def test_as_of_live_forecast_counts_once_it_reached_the_log(client: Client) -> None:
    forecast(START_MS, logged_ms=START_MS + 500, live=True)

    assert listed(client, "forecasts", as_of=START_MS + 499) == []
    assert len(listed(client, "forecasts", as_of=START_MS + 500)) == 1


def test_as_of_replayed_forecast_counts_by_the_markets_time(client: Client) -> None:
    forecast(START_MS, logged_ms=START_MS + 31_536_000_000)  # replayed a year later

    assert listed(client, "forecasts", as_of=START_MS + 1) == []
    assert len(listed(client, "forecasts", as_of=START_MS + 2)) == 1


def test_as_of_forecasts_outcome_is_shown_once_its_target_was_reached(client: Client) -> None:
    said = forecast(START_MS, logged_ms=START_MS)
    ForecastOutcome.objects.create(
        forecast=said, status=OutcomeStatus.GRADED, direction_hit=True, error_bp=1.5
    )
    before, after = START_MS + 9_999, START_MS + 10_000

    assert listed(client, "forecasts", as_of=before)[0]["outcome"] is None
    assert listed(client, "forecasts", as_of=after)[0]["outcome"]["error_bp"] == 1.5
    for query in ({"outcome": "graded"}, {"direction_hit": "true"}):
        assert listed(client, "forecasts", as_of=before, **query) == []
        assert len(listed(client, "forecasts", as_of=after, **query)) == 1
        assert len(listed(client, "forecasts", **query)) == 1
    assert len(listed(client, "forecasts", as_of=before, outcome="pending")) == 1
    assert listed(client, "forecasts", as_of=after, outcome="pending") == []
    assert listed(client, "forecasts", direction_hit="false") == []


def test_as_of_late_forecast_is_shown_and_marked(client: Client) -> None:
    forecast(START_MS, logged_ms=START_MS + 11_000, live=True, late=True)
    forecast(START_MS + 2_000, logged_ms=START_MS + 2_001, live=True)

    assert [row["late"] for row in listed(client, "forecasts", as_of=START_MS + 60_000)] == [
        False, True,
    ]  # fmt: skip
    assert len(listed(client, "forecasts", late="true")) == 1
    assert len(listed(client, "forecasts", late="false")) == 1


def test_as_of_revision_that_stood_then_is_not_superseded(client: Client) -> None:
    signal(0, made_ms=START_MS + 400)
    signal(1, made_ms=START_MS + 5_000, confidence=0.7, model_version="v2")
    early, later = START_MS + 4_999, START_MS + 5_000

    [alone] = listed(client, "signals", as_of=early)
    assert (alone["revision"], alone["superseded"]) == (0, False)
    both = listed(client, "signals", as_of=later)
    assert {row["revision"]: row["superseded"] for row in both} == {0: True, 1: False}
    standing = listed(client, "signals", as_of=later, latest_revision="true")
    assert [row["revision"] for row in standing] == [1]
    assert [row["revision"] for row in listed(client, "signals", latest_revision="false")] == [0]
    by_id = {row["id"]: client.get(f"/api/signals/{row['id']}").json() for row in both}
    assert all(by_id[row["id"]]["superseded"] == row["superseded"] for row in both)


def test_superseded_model_on_trial_supersedes_none_but_its_own(client: Client) -> None:
    signal(0)
    signal(0, model_version="v9", role=Role.SHADOW)
    signal(1, model_version="v9", role=Role.SHADOW)

    rows = [*listed(client, "signals"), *listed(client, "signals", role="shadow")]

    assert {(row["role"], row["revision"]): row["superseded"] for row in rows} == {
        ("champion", 0): False,
        ("shadow", 0): True,
        ("shadow", 1): False,
    }


def test_as_of_signals_outcome_holds_nothing_of_what_came_after(client: Client) -> None:
    ended, known = START_MS + 20 * MINUTE_MS, START_MS + 180 * MINUTE_MS
    SignalOutcome.objects.create(
        signal=signal(),
        status=OutcomeStatus.GRADED,
        result=SignalResult.TAKE_PROFIT,
        touched=Direction.LONG,
        ended_ts=ended,
        known_ts=known,
        take_profit_1_ts=ended,
        take_profit_2_ts=ended + MINUTE_MS,
        r_multiple=1.0,
        r_after_fees=0.9,
    )

    # Not at its early end: the ledger itself had no outcome of it before the horizon was over.
    for before in (ended, known - 1):
        assert listed(client, "signals", as_of=before)[0]["outcome"] is None
        assert listed(client, "signals", as_of=before, result="take_profit") == []
        assert len(listed(client, "signals", as_of=before, outcome="pending")) == 1
    told = listed(client, "signals", as_of=known, result="take_profit")[0]["outcome"]
    assert told["take_profit_1_at"] == "2026-01-01T00:20:00.000+00:00"
    assert told["take_profit_2_at"] == "2026-01-01T00:21:00.000+00:00"
    assert told["known_at"] == "2026-01-01T03:00:00.000+00:00"
    assert told["r_after_fees"] == 0.9


def test_as_of_ungradable_signal_is_pending_until_it_was_given_up(client: Client) -> None:
    given_up = START_MS + 86_400_000
    SignalOutcome.objects.create(
        signal=signal(),
        status=OutcomeStatus.UNGRADABLE,
        reason="path_missing",
        known_ts=given_up,
    )

    assert listed(client, "signals", as_of=given_up - 1)[0]["outcome"] is None
    assert len(listed(client, "signals", as_of=given_up - 1, outcome="pending")) == 1
    told = listed(client, "signals", as_of=given_up, outcome="ungradable")[0]["outcome"]
    assert told["reason"] == "path_missing"


@pytest.mark.parametrize(
    ("query", "count"),
    [
        ({"symbols": "btc-usdt, ETHUSDT"}, 2),
        ({"symbols": "ETHUSDT"}, 1),
        ({"role": "baseline"}, 1),
        ({"min_confidence": "0.5"}, 2),
        ({"min_confidence": "0.51"}, 1),
        ({"outcome": "pending"}, 2),
    ],
)
def test_forecasts_filter_by_what_a_bot_asks(
    client: Client, query: dict[str, str | int], count: int
) -> None:
    forecast(START_MS, logged_ms=START_MS)
    forecast(START_MS, logged_ms=START_MS, symbol="ETHUSDT", role=Role.BASELINE, confidence=0.9)

    assert len(listed(client, "forecasts", **query)) == count


@pytest.mark.parametrize(
    ("ledger", "query", "named", "allowed"),
    [
        ("forecasts", {"as_of": "now"}, "as_of", "ISO 8601"),
        ("signals", {"as_of": "9999-12-31T23:59:59-23:00"}, "as_of", "ISO 8601"),
        ("forecasts", {"role": "king"}, "role", "champion"),
        ("forecasts", {"min_confidence": "1.5"}, "min_confidence", "0 to 1"),
        ("forecasts", {"min_confidence": "nan"}, "min_confidence", "0 to 1"),
        ("forecasts", {"min_confidence": "much"}, "min_confidence", "0 to 1"),
        ("forecasts", {"outcome": "won"}, "outcome", "pending"),
        ("forecasts", {"late": "1"}, "late", "true or false"),
        ("forecasts", {"symbols": ","}, "symbols", "BTCUSDT"),
        ("forecasts", {"symbols": "BTCUSDT,?"}, "symbols", "BTC-USDT"),
        ("signals", {"result": "won"}, "result", "take_profit"),
        ("signals", {"latest_revision": "yes"}, "latest_revision", "true or false"),
    ],
)
def test_filter_bad_value_is_400_naming_it_and_what_is_allowed(
    client: Client, ledger: str, query: dict[str, str], named: str, allowed: str
) -> None:
    message = refusal(client.get(f"/api/{ledger}", query), 400, "invalid_parameter")

    assert named in message
    assert allowed in message
