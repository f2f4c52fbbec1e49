"""Webhooks that cannot be delivered: tried again, given up, and sent again by hand."""

import pytest
import redis
from django.contrib.auth.models import Permission, User
from django.test import Client

from predictions.models import Delivery
from predictions.webhooks import posting
from tests.integration.alert_loops import START, AlertRun, Clock
from tests.integration.receivers import Receiver, receiver
from tests.integration.webhooks.saying import STUCK_SECONDS, Loop, spoken, symbols

pytestmark = pytest.mark.django_db
DELIVERIES = "/admin/predictions/delivery/"


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
