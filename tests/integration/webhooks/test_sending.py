"""Signals on their way to programs: which, once, signed, and in time."""

import logging
from typing import Any

import pytest

from inference.vocabulary import Direction
from predictions.models import AlertLead, Delivery, Signal
from tests.documents import ROOT, blocks, json_blocks, same_fields
from tests.integration.alert_loops import KEY, START, AlertRun, Clock
from tests.integration.receivers import Receiver
from tests.integration.webhooks.saying import START_MS, VALID_SECONDS, Loop, spoken, symbols

pytestmark = pytest.mark.django_db

DOCUMENT = ROOT / "docs" / "integrations" / "webhooks.md"


def sample_receiver(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return the document's `verified`."""
    monkeypatch.setenv("WEBHOOK_SECRET", "whsec_a2tra2tra2tra2tra2tra2tra2tra2tra2tra2tra2s=")
    (source,) = [each.text for each in blocks(DOCUMENT) if each.language == "python"]
    sample: dict[str, Any] = {"__name__": "sample"}
    exec(source, sample)  # noqa: S102  (the document's own lines)
    assert sample["KEY"] == KEY
    return sample["verified"]


def test_webhook_is_verified_by_the_documents_receiver_and_has_its_fields(
    run: AlertRun, bot: Receiver, say: Loop, monkeypatch: pytest.MonkeyPatch
) -> None:
    verified = sample_receiver(monkeypatch)
    say(spoken())

    run.step(1)

    (got,) = bot.received
    message = verified(got.headers, got.body, START.timestamp() + 1)
    (shown,) = json_blocks(DOCUMENT)
    shown["data"]["live_record"] = None
    same_fields(shown, message)
    row = Signal.objects.get()
    assert message["type"] == "signal.created"
    assert message["data"]["link"] == f"http://127.0.0.1:8000/signals/{row.pk}"
    assert message["data"]["valid_until"] == "2026-11-21T12:02:00+00:00"
    assert (message["data"]["venue"], message["data"]["live"]) == ("binance", True)
    assert message["data"]["live_accuracy"] is message["data"]["live_record"] is None
    assert got.headers["authorization"].startswith("Basic ")
    assert got.headers["content-type"] == "application/json"


@pytest.mark.parametrize(
    ("spoil", "why"),
    [
        ({"body": b"{}"}, "another key"),
        ({"timestamp": "1"}, "too old"),
        ({"signature": "v1,AAAA"}, "another key"),
        ({"id": "sig_other"}, "another key"),
    ],
)
def test_documents_receiver_refuses_what_was_tampered_with(
    run: AlertRun, bot: Receiver, say: Loop, monkeypatch: pytest.MonkeyPatch,
    spoil: dict[str, Any], why: str,
) -> None:  # fmt: skip
    verified = sample_receiver(monkeypatch)
    say(spoken())
    run.step(1)
    (got,) = bot.received
    body = spoil.pop("body", got.body)
    headers = got.headers | {f"webhook-{name}": value for name, value in spoil.items()}

    with pytest.raises(ValueError, match=why):
        verified(headers, body, START.timestamp() + 1)


def test_webhooks_are_of_live_confident_signals_in_time_alone(
    run: AlertRun, bot: Receiver, say: Loop
) -> None:
    say(
        spoken("BTCUSDT"),
        spoken("ETHUSDT", direction=Direction.SHORT, confidence=0.7),
        spoken("SOLUSDT", confidence=0.69),
        spoken("XRPUSDT", direction=Direction.NO_TRADE, confidence=0.9),
    )
    say(spoken(venue="replay/binance@127.0.0.1:1", live=False))
    say(spoken("ADAUSDT", venue="simulated"))
    say(spoken("BNBUSDT", live=False))

    run.step(1)
    say(spoken("LTCUSDT"))  # expired when it is looked at
    run.step(VALID_SECONDS)

    assert sorted(symbols(bot)) == ["BTCUSDT", "ETHUSDT"]


def test_webhook_of_a_signal_that_was_logged_late_is_not_sent(
    run: AlertRun, bot: Receiver, say: Loop
) -> None:
    say(spoken(), logged_ms=START_MS + 121_000)

    run.step(1)

    assert Signal.objects.get().late
    assert bot.received == []


def test_webhook_is_sent_once_and_a_revision_is_another_signal(
    run: AlertRun, bot: Receiver, say: Loop
) -> None:
    say(spoken())
    run.step(1)
    run.step(1)
    run.loop.lead.give_back()
    other = AlertRun(run.clock, webhooks=run.webhooks, owner="two")
    other.step(1)
    assert len(bot.received) == 1

    say(spoken(made_ms=START_MS + 3_000), logged_ms=START_MS + 3_500, revision=1)
    other.step(1)

    assert [each.json["data"]["revision"] for each in bot.received] == [0, 1]
    assert len({each.headers["webhook-id"] for each in bot.received}) == 2


def test_signal_stored_while_no_process_ran_is_sent_by_the_next(
    run: AlertRun, bot: Receiver, say: Loop
) -> None:
    run.step(1)
    run.loop.lead.give_back()
    say(spoken())

    AlertRun(run.clock, webhooks=run.webhooks, owner="two").step(30)

    assert symbols(bot) == ["BTCUSDT"]


def test_first_start_sends_nothing_of_before(bot: Receiver, say: Loop) -> None:
    say(spoken())

    AlertRun(Clock(), webhooks=(bot.url(),)).step(1)

    assert bot.received == []


def test_webhook_row_and_logs_hold_no_secret(
    run: AlertRun, bot: Receiver, say: Loop, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    bot.answers = [500]
    say(spoken())
    run.step(1)

    row = Delivery.objects.get()
    assert row.target.startswith(f"http://127.0.0.1:{bot.port}/…")
    kept = " ".join((row.target, row.target_key, row.last_error, str(row.payload), caplog.text))
    assert "hunter2secret" not in kept
    assert "/hook" not in kept


def test_paused_leader_that_wakes_up_writes_no_signal(
    run: AlertRun, bot: Receiver, say: Loop
) -> None:
    AlertLead.objects.update(owner="two")
    say(spoken())
    run.clock.pass_by(1)

    run.speak()

    assert not Delivery.objects.exists()
