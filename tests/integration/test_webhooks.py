"""Signals on their way to programs: which, once, signed, in time, and what becomes of the rest."""

import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
import redis
from django.contrib.auth.models import Permission, User
from django.test import Client

from inference.signals.entry import BatchEntry, Said
from inference.signals.signal import Signal as Spoken
from inference.vocabulary import SIGNALS, Direction
from market import keys
from predictions.alerting import notifying
from predictions.models import AlertLead, Delivery, Signal
from predictions.recording.log_reader import LogReader
from predictions.recording.signal_recorder import SignalRecorder
from predictions.webhooks import posting
from tests.documents import ROOT, blocks, json_blocks, same_fields
from tests.integration.alert_loops import KEY, START, AlertRun, Clock
from tests.integration.receivers import Received, Receiver, receiver
from tests.signals import signal

pytestmark = pytest.mark.django_db

DOCUMENT = ROOT / "docs" / "integrations" / "webhooks.md"
START_MS = round(START.timestamp() * 1000)
VALID_SECONDS = 120.0
DELIVERIES = "/admin/predictions/delivery/"
STUCK_SECONDS = 1.5
"""How long a receiver that holds its answer is waited for; one that answers takes some ms."""


@pytest.fixture
def bot() -> Iterator[Receiver]:
    with receiver() as served:
        yield served


@pytest.fixture
def run(bot: Receiver, clean_redis: redis.Redis) -> AlertRun:
    """A process that leads, over an empty ledger."""
    started = AlertRun(Clock(), webhooks=(bot.url(),))
    started.step()
    return started


@pytest.fixture
def say(clean_redis: redis.Redis, redis_url: str) -> Iterator["Loop"]:
    with redis.Redis.from_url(redis_url, socket_timeout=5) as client:
        yield Loop(client)


class Loop:
    """A signal loop and a recorder: what is said lies in the ledger."""

    def __init__(self, client: redis.Redis) -> None:
        self._client = client
        self._recorder = SignalRecorder(LogReader(client, SIGNALS, "one"))
        self._batch = START_MS

    def __call__(self, *said: Spoken, logged_ms: int = START_MS + 500, revision: int = 0) -> None:
        self._batch += 1
        entry = BatchEntry(
            venue=said[0].venue,
            live=said[0].live,
            batch=self._batch,
            timeframe=said[0].timeframe,
            made_ms=said[0].made_ms,
            missed=0,
            shard=0,
            token=1,
            signals=[Said(each, revision) for each in said],
            gaps=[],
        )
        entry_id = f"{logged_ms}-{self._batch - START_MS}"
        self._client.xadd(keys.log(SIGNALS), {"entry": entry.pack()}, id=entry_id)
        while self._recorder.step():
            pass


def spoken(symbol: str = "BTCUSDT", **changes: Any) -> Spoken:
    given: dict[str, Any] = {
        "at_ms": START_MS,
        "venue": "binance",
        "live": True,
        "confidence": 0.78,
    }
    return signal(symbol, **(given | changes))


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


def test_webhook_that_fails_is_tried_again_with_its_id_until_it_is_delivered(
    run: AlertRun, bot: Receiver, say: Loop
) -> None:
    bot.answers = [500, 404, 429, 503, 307]
    say(spoken())
    run.step(0.5)
    for seconds in (1, 3, 10, 20, 40):
        run.step(seconds)

    assert len(bot.received) == 6
    assert {each.path for each in bot.received} == {"/hook"}
    assert len({each.headers["webhook-id"] for each in bot.received}) == 1
    assert len({each.headers["webhook-timestamp"] for each in bot.received}) == 6
    row = Delivery.objects.get()
    assert (row.state, row.tries, row.last_error) == ("delivered", 6, "")


def test_webhook_is_dead_once_its_signal_has_expired(
    run: AlertRun, bot: Receiver, say: Loop
) -> None:
    bot.answers = [500] * 20
    say(spoken())
    for seconds in (1, 1, 3, 10, 20, 40, 40, 40):
        run.step(seconds)

    row = Delivery.objects.get()
    assert (row.state, row.last_error) == ("dead", "HTTP 500")
    assert row.tries == len(bot.received) == 6
    assert row.settled_at is not None
    assert run.loop.dispatcher.counted["webhook", "dead"] == 1


def test_webhook_rests_in_its_row_while_the_process_is_gone(
    run: AlertRun, bot: Receiver, say: Loop
) -> None:
    bot.answers = [500]
    say(spoken())
    run.step(1)
    run.loop.lead.give_back()

    AlertRun(run.clock, webhooks=run.webhooks, owner="two").step(10)

    assert len(bot.received) == 2
    assert Delivery.objects.get().state == "delivered"


def test_webhook_to_nobody_and_to_a_stuck_receiver_fail_and_delay_no_other(
    clean_redis: redis.Redis, bot: Receiver, say: Loop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(posting, "TRY_SECONDS", STUCK_SECONDS)
    with receiver() as stuck:
        stuck.stuck.clear()
        with receiver() as gone:
            nobody = gone.url()
        no_tls = f"https://127.0.0.1:{bot.port}/"
        run = AlertRun(Clock(), webhooks=(stuck.url(), nobody, no_tls, bot.url()))
        run.step()
        say(spoken())
        run.step(1)
        stuck.stuck.set()

    assert symbols(bot) == ["BTCUSDT"]
    errors = set(Delivery.objects.values_list("state", "last_error"))
    assert errors == {
        ("delivered", ""),
        ("waiting", f"no answer within {STUCK_SECONDS:g} s"),
        ("waiting", "cannot connect: Connection refused"),
        ("waiting", "cannot connect: TLS failed, or its certificate is not trusted"),
    }


def test_address_taken_out_of_the_settings_is_said(run: AlertRun, bot: Receiver, say: Loop) -> None:
    bot.answers = [500]
    say(spoken())
    run.step(1)
    run.loop.lead.give_back()

    AlertRun(run.clock, owner="two").step(10)

    assert "no longer in the settings" in Delivery.objects.get().last_error


def test_notification_says_what_a_person_needs(
    clean_redis: redis.Redis, bot: Receiver, say: Loop
) -> None:
    run = AlertRun(Clock(), notified=(bot.url("json"),))
    run.step()
    record = {"role": "champion", "quality": {"n": 300, "hit_n": 90, "hit_rate": 0.4}}
    quality = {"venue": "binance", "models": {}, "timeframes": {"15m": {"v1.0.0": record}}}
    clean_redis.set(keys.quality(SIGNALS), json.dumps(quality))
    say(spoken())

    run.step(1)

    (got,) = bot.received
    assert got.json["title"] == "LONG BTCUSDT 15m, confidence 78%"
    assert got.json["message"].splitlines() == [
        "Entry 42500.5, stop-loss 41900.25, targets 43100.75, 43701, 44301.25",
        "Valid until 12:02:00 UTC on 2026-11-21 (binance).",
        "Model v1.0.0: 40% of its last 90 at 15m hit.",
        f"http://127.0.0.1:8000/signals/{Signal.objects.get().pk}",
    ]


def test_notification_is_not_sent_once_its_signal_has_expired(
    clean_redis: redis.Redis, bot: Receiver, say: Loop
) -> None:
    run = AlertRun(Clock(), notified=(bot.url("json"),))
    run.step()
    bot.answers = [500]
    say(spoken())
    run.step(1)
    run.loop.lead.give_back()

    AlertRun(run.clock, notified=run.notified, owner="two").step(VALID_SECONDS)

    assert len(bot.received) == 1
    assert Delivery.objects.get().state == "dead"


def test_stuck_service_of_notifications_delays_no_other(
    clean_redis: redis.Redis, bot: Receiver, say: Loop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(notifying, "TRY_SECONDS", STUCK_SECONDS)
    coins = ("ADA", "BNB", "BTC", "DOGE", "ETH", "LTC", "SOL", "XRP")
    with receiver() as stuck:
        stuck.stuck.clear()
        run = AlertRun(Clock(), notified=(stuck.url("json"), bot.url("json")))
        run.step()
        say(*(spoken(f"{coin}USDT") for coin in coins))
        run.step(1)
        stuck.stuck.set()

    assert len(bot.received) == len(coins)
    assert Delivery.objects.filter(state="delivered").count() == len(coins)


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


def test_admin_sends_dead_messages_again_and_says_that_they_expired(
    run: AlertRun, bot: Receiver, say: Loop, client: Client
) -> None:
    bot.answers = [500] * 6
    say(spoken())
    for seconds in (1, 1, 3, 10, 20, 40, 40, 40):
        run.step(seconds)
    row = Delivery.objects.get()
    assert row.state == "dead"
    client.force_login(User.objects.create_superuser("operator", password="irrelevant"))

    listed = client.get(DELIVERIES)
    sent = client.post(DELIVERIES, {"action": "send_again", "_selected_action": [row.pk]})
    Delivery.objects.update(next_try_at=run.clock.now)  # the admin's own clock is the real one
    run.step(1)

    assert row.message_id in listed.content.decode()
    assert sent.status_code == 302
    last = bot.received[-1]
    assert last.json["type"] == "signal.expired"
    assert last.json["data"]["expired"] is True
    assert last.headers["webhook-id"] == bot.received[0].headers["webhook-id"]
    row.refresh_from_db()
    assert (row.state, row.tries) == ("delivered", 1)


def test_admin_reader_cannot_send_again(client: Client) -> None:
    reader = User.objects.create_user("reader", password="irrelevant", is_staff=True)
    reader.user_permissions.add(Permission.objects.get(codename="view_delivery"))
    client.force_login(reader)
    row = Delivery.objects.create(
        channel="webhook", message_id="sig_1", target="http://bot/…", target_key="k", payload={},
        state="dead", created_at=START, next_try_at=START, give_up_at=START,
    )  # fmt: skip

    client.post(DELIVERIES, {"action": "send_again", "_selected_action": [row.pk]})

    row.refresh_from_db()
    assert row.state == "dead"
    assert client.post(f"{DELIVERIES}{row.pk}/delete/", {"post": "yes"}).status_code == 403


def test_paused_leader_that_wakes_up_writes_no_signal(
    run: AlertRun, bot: Receiver, say: Loop
) -> None:
    AlertLead.objects.update(owner="two")
    say(spoken())
    run.clock.pass_by(1)

    run.speak()

    assert not Delivery.objects.exists()


def symbols(bot: Receiver) -> list[str]:
    return [str(each.json["data"]["symbol"]) for each in bot.received if _of_signal(each)]


def _of_signal(received: Received) -> bool:
    return str(received.json["type"]).startswith("signal.")
