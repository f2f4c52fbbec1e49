"""The pages of a signal and of a forecast as the server writes them, in either database."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
import redis
from asgiref.sync import async_to_sync
from django.test import Client
from django.utils import timezone

from dashboard.record.market_now import now_in_market
from dashboard.record.states import forecast_state, signal_state
from dashboard.templatetags.figures import written_moment
from inference.signals.entry import Said
from inference.vocabulary import Direction, OutcomeStatus, Role, SignalReason, Ungradable
from predictions.models import Checkpoint, Forecast, LedgerEntry, Signal, SignalOutcome
from tests.integration.ledger import NAN, new_recorder, publish, tick_entry
from tests.integration.ledger import drain as drain_forecasts
from tests.integration.tampering import tampering
from tests.integration.test_signal_recorder import batch, drain, hand_over, recorder
from tests.signal_loops import DAY_MS, M15, VENUE, make_signal, set_clock

pytestmark = pytest.mark.django_db

HORIZON_MS = 12 * M15.ms


@pytest.fixture
def say(binary: redis.Redis) -> Iterator[Any]:
    """Store signals as recorders do; returns the newest row."""

    def store(*said: Said, **changes: Any) -> Signal:
        hand_over(binary, batch(*said, **changes))
        drain(recorder(binary))
        return Signal.objects.latest("id")

    yield store


def page(client: Client, kind: str, row: int) -> str:
    answer = client.get(f"/{kind}/{row}")
    assert answer.status_code == 200
    return re.sub(r"\s+", " ", answer.content.decode())


def grade(signal: Signal, **values: Any) -> None:
    known = {"status": OutcomeStatus.GRADED, "known_ts": DAY_MS + HORIZON_MS}
    SignalOutcome.objects.create(signal=signal, graded_at=timezone.now(), **(known | values))


def test_signal_page_has_what_was_said_and_links_to_the_ledger(client: Client, say: Any) -> None:
    row = say(Said(make_signal(features=tuple(float(n) for n in range(14)))))

    text = page(client, "signals", row.pk)

    assert "▲ LONG" in text
    assert "78 %" in text
    assert f"/api/ledger/entry/{row.leaf_id}" in text
    assert bytes(row.leaf.entry_hash).hex() in text
    assert "not signed yet" in text
    assert "log_volume_96" in text
    assert " style=" not in text
    assert not re.search(r"<script(?![^>]*(src=|application/json))", text)


def test_signal_page_names_the_checkpoint_that_covers_it(client: Client, say: Any) -> None:
    row = say(Said(make_signal()))
    for size in (row.leaf_id, row.leaf_id + 1, row.leaf_id + 9):
        Checkpoint.objects.create(size=size, root=bytes(32), note=f"{size}", vkey="k")

    text = page(client, "signals", row.pk)

    assert f"of {row.leaf_id + 1} entries" in text
    assert f"/api/ledger/checkpoint?size={row.leaf_id + 1}" in text


def test_ungradable_signal_page_says_why(client: Client, say: Any) -> None:
    row = say(Said(make_signal()))
    grade(row, status=OutcomeStatus.UNGRADABLE, reason=Ungradable.PATH_MISSING)
    assert "Cannot be graded: the candles that followed it are not all there" in page(
        client, "signals", row.pk
    )


def test_late_signal_page_says_when_it_was_made_and_why_it_counts_in_no_figure(
    client: Client, say: Any
) -> None:
    row = say(Said(make_signal()))
    made_ts = row.prediction_ts + 3_600_000
    with tampering():
        Signal.objects.filter(pk=row.pk).update(made_ts=made_ts)
    grade(row, status=OutcomeStatus.UNGRADABLE, reason=Ungradable.MADE_TOO_LATE)
    text = page(client, "signals", row.pk)
    assert "Cannot be graded: it was made after its validity was over" in text
    assert "target time" not in text
    assert f"of the candle that closed at {written_moment(row.prediction_ts)}, said at" in text
    assert f'data-testid="said-at">{written_moment(made_ts)}</span>' in text


def test_graded_signal_page_holds_the_time_to_target_against_its_eta(
    client: Client, say: Any
) -> None:
    row = say(Said(make_signal()))
    grade(
        row,
        result="take_profit",
        touched="LONG",
        ended_ts=DAY_MS + 90 * 60_000,
        take_profit_1_ts=DAY_MS + 90 * 60_000,
        exit_price=700.25,
        r_multiple=1.0,
        r_after_fees=0.91,
        fee_bp=10.0,
        tp_minutes=90.0,
        eta_covered=True,
    )

    text = page(client, "signals", row.pk)

    assert "Target 1 reached <strong>+1.00 R</strong>" in text
    assert "+0.91 R" in text
    assert "1 h 30 min" in text
    assert "✓ inside the expected 15 min to 2 h 30 min" in text


def test_neighbours_are_of_the_same_market_and_newest_revisions(client: Client, say: Any) -> None:
    def said(index: int, **changes: Any) -> Said:
        revision = changes.pop("revision", 0)
        made = make_signal(candle_open_ms=DAY_MS + index * M15.ms, **changes)
        return Said(made, revision)

    before = say(said(0), batch=1)
    own = say(said(1), batch=2)
    say(said(2), batch=3)
    after = say(said(2, revision=1), batch=4)
    say(said(2, role=Role.SHADOW, model_version="trial"), batch=5)
    say(said(1), batch=6, venue="other")

    text = page(client, "signals", own.pk)

    assert re.findall(r'href="/signals/(\d+)" rel="(\w+)"', text) == [
        (str(before.pk), "prev"),
        (str(after.pk), "next"),
    ]


def test_superseded_signal_page_leads_on(client: Client, say: Any) -> None:
    first = say(Said(make_signal()), batch=1)
    second = say(Said(make_signal(confidence=0.5), 1), batch=2)

    assert f'<a href="/signals/{second.pk}">revision 1</a> supersedes' in page(
        client, "signals", first.pk
    )
    assert f'<a href="/signals/{first.pk}">revision 0</a>' in page(client, "signals", second.pk)


def test_forecast_page_of_a_pruned_entry_says_so(client: Client, binary: redis.Redis) -> None:
    publish(binary, *(tick_entry(index) for index in range(7)))
    drain_forecasts(new_recorder(binary))
    with tampering():
        LedgerEntry.objects.update(packed=None)

    text = page(client, "forecasts", Forecast.objects.earliest("tick").pk)

    assert "pruned with their packed entry" in text
    assert "bytes pruned" in text


def test_forecast_page_with_nothing_known_has_no_zeros(client: Client, binary: redis.Redis) -> None:
    void = dict.fromkeys(
        ("mid_price", "current_price", "predicted_price", "lower", "upper", "feature_ts_ms"), NAN
    )
    publish(binary, tick_entry(0, columns=void | {"features_age_ms": NAN, "confidence": 0.0}))
    drain_forecasts(new_recorder(binary))

    text = page(client, "forecasts", Forecast.objects.get().pk)

    assert "– no forecast" in text
    levels = text[text.index('class="levels"') : text.index('class="probabilities"')]
    assert re.findall(r"\d+\.\d+", levels) == []


def test_page_answers_where_redis_is_away(
    client: Client, say: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = say(Said(make_signal()))

    async def gone() -> None:
        raise redis.ConnectionError("gone")

    monkeypatch.setattr("dashboard.record.market_now.running_market", gone)

    assert "Waiting for its outcome" in page(client, "signals", row.pk)


@pytest.mark.parametrize(
    ("after_ms", "code"),
    [(1_000, "open"), (M15.ms, "expired"), (HORIZON_MS + 1, "waiting")],
)
def test_signal_state_follows_market_time(say: Any, after_ms: int, code: str) -> None:
    row = say(Said(make_signal()))
    assert signal_state(row, None, DAY_MS + after_ms).code == code


def test_signal_state_of_no_trade_is_never_open(say: Any) -> None:
    none = make_signal(direction=Direction.NO_TRADE, reason=SignalReason.MODEL_SAYS_NO_TRADE)
    state = signal_state(say(Said(none)), None, DAY_MS + 1)
    assert (state.code, state.until_ms) == ("expired", DAY_MS + HORIZON_MS)


def test_now_is_unknown_where_another_market_runs(say: Any, binary: redis.Redis) -> None:
    row = say(Said(make_signal()))
    set_clock(binary, DAY_MS + 5_000, venue=VENUE, speed=0)
    assert async_to_sync(now_in_market)(row) == DAY_MS + 5_000
    set_clock(binary, DAY_MS + 5_000, venue="replay/1")
    assert async_to_sync(now_in_market)(row) is None
    assert signal_state(row, None, None).pending


def test_forecast_state_without_a_direction_is_neither_hit_nor_miss(binary: redis.Redis) -> None:
    publish(binary, *(tick_entry(index) for index in range(7)))
    drain_forecasts(new_recorder(binary))
    row = Forecast.objects.earliest("tick")
    state = forecast_state(row, row.outcome, None)
    assert row.outcome.direction_hit is None
    assert (state.code, state.pending) == ("flat", False)


@pytest.mark.parametrize("path", ["/signals/1", "/forecasts/1", "/signals/" + "9" * 40])
def test_unknown_row_is_a_page(client: Client, path: str) -> None:
    answer = client.get(path)
    assert answer.status_code == 404
    assert b"The ledger holds no" in answer.content


@pytest.mark.parametrize("path", ["/signals/1", "/forecasts/1"])
def test_page_asks_for_the_login_where_the_instance_has_a_token(
    client: Client, settings: Any, path: str
) -> None:
    settings.API_TOKEN = "a-token-of-the-instance"
    answer = client.get(path)
    assert answer.status_code == 302
    assert answer["Location"].endswith(f"next={path}")
