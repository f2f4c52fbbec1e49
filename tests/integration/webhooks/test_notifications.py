"""Signals on their way to people: what they say, and that they come in time."""

import json

import pytest
import redis

from inference.vocabulary import SIGNALS
from market import keys
from predictions.alerting import notifying
from predictions.models import Delivery, Signal
from tests.integration.alert_loops import AlertRun, Clock
from tests.integration.receivers import Receiver, receiver
from tests.integration.webhooks.saying import STUCK_SECONDS, VALID_SECONDS, Loop, spoken

pytestmark = pytest.mark.django_db


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
