"""Operational alerts on their way: told once, retried, kept over restarts, by one process only."""

from collections.abc import Iterator

import pytest
from django.db import OperationalError
from django.test import Client

from predictions.alerting import incident_rows
from predictions.alerting.lead import TAKE_OVER_SECONDS, Lead, LeadLostError
from predictions.models import AlertLead, Delivery, Incident
from predictions.outbox import rows
from predictions.watching.alert import Severity
from tests.integration.alert_loops import HOLD, RECOVERY, AlertRun, Clock, wrong
from tests.integration.receivers import Receiver, receiver

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clean_redis")]


@pytest.fixture
def people() -> Iterator[Receiver]:
    with receiver() as served:
        yield served


@pytest.fixture
def run(people: Receiver) -> AlertRun:
    return AlertRun(Clock(), alerts=(people.url("json"),))


def begin(run: AlertRun) -> None:
    run.wrong = [wrong()]
    run.step()
    run.step(HOLD)


def test_alert_is_told_once_and_its_recovery_once(run: AlertRun, people: Receiver) -> None:
    begin(run)
    run.step(600)
    run.wrong = []
    run.step()
    run.step(RECOVERY)
    run.step(600)

    assert people.titles == ["Critical: feed down (market)", "Recovered: feed down (market)"]
    begun, ended = (each.json["message"] for each in people.received)
    assert "No exchange answers.\nSee the network.\nSince 2026-11-21 12:00:00 UTC" in begun
    assert "10 min" in ended
    assert [each.json["type"] for each in people.received] == ["failure", "success"]
    (row,) = Incident.objects.all()
    assert row.ended_at is not None


def test_alert_that_fails_is_tried_again_later_and_delivered_once(
    run: AlertRun, people: Receiver
) -> None:
    people.answers = [500, 503]
    begin(run)
    run.step(0.1)  # not yet
    run.step(1)
    run.step(3)
    run.step(60)

    assert people.titles == ["Critical: feed down (market)"] * 3
    (row,) = Delivery.objects.all()
    assert (row.state, row.tries) == ("delivered", 3)
    counted = run.loop.dispatcher.counted
    assert (counted["alert", "failed"], counted["alert", "delivered"]) == (2, 1)


def test_alert_error_and_row_hold_no_part_of_the_address(
    run: AlertRun, people: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    people.answers = [500]
    begin(run)

    (row,) = Delivery.objects.all()
    assert "500" in row.last_error
    told = " ".join((row.last_error, row.target, row.target_key, str(row.payload), caplog.text))
    assert "hunter2secret" not in told


def test_alert_state_survives_a_restart(run: AlertRun, people: Receiver) -> None:
    begin(run)
    run.loop.lead.give_back()

    after = AlertRun(run.clock, alerts=run.alerts, owner="two", wrong=[wrong()])
    after.step(HOLD)
    after.step(HOLD)
    after.wrong = []
    after.step()
    after.step(RECOVERY)

    assert people.titles == ["Critical: feed down (market)", "Recovered: feed down (market)"]


def test_alert_undelivered_at_a_restart_is_delivered_by_the_next(
    run: AlertRun, people: Receiver
) -> None:
    people.answers = [500]
    begin(run)
    run.loop.lead.give_back()

    AlertRun(run.clock, alerts=run.alerts, owner="two", wrong=[wrong()]).step(10)

    assert len(people.received) == 2
    assert Delivery.objects.get().state == "delivered"


def test_two_processes_tell_once_and_the_second_takes_over(run: AlertRun, people: Receiver) -> None:
    other = AlertRun(run.clock, alerts=run.alerts, owner="two", wrong=[wrong()])
    run.wrong = [wrong()]
    for _ in range(30):
        run.step(1)
        other.step()
    assert people.titles == ["Critical: feed down (market)"]

    other.wrong = []
    for _ in range(int(TAKE_OVER_SECONDS + RECOVERY) + 2):
        other.step(1)  # the first is gone
    run.step()

    assert other.loop.lead.leading
    assert not run.loop.lead.leading
    assert people.titles[1:] == ["Recovered: feed down (market)"]


def test_paused_leader_that_wakes_up_writes_nothing(run: AlertRun) -> None:
    begin(run)
    AlertLead.objects.update(owner="two")

    with pytest.raises(LeadLostError):
        incident_rows.write(run.loop.lead, incident_rows.Told((), ()))

    assert not run.loop.lead.leading


@pytest.mark.django_db(transaction=True)
def test_alert_is_told_while_the_database_is_away_and_written_once_it_is_back(
    run: AlertRun, people: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    run.step()

    def away(*_: object, **__: object) -> None:
        raise OperationalError("gone")

    with monkeypatch.context() as patch:
        for owner, name in (
            (Lead, "_renewed"), (incident_rows, "write"), (rows, "due"), (rows, "bury_expired"),
            (rows, "store"),
        ):  # fmt: skip
            patch.setattr(owner, name, away)
        patch.setattr("predictions.alerting.dispatching._store", away)
        run.wrong = [wrong("database_away", "database")]
        run.step()
        run.step(HOLD)
        run.step(1)
        assert people.titles == ["Critical: database away (database)"]
        assert not Incident.objects.exists()
    run.step(1)

    assert Incident.objects.get().ended_at is None
    assert Delivery.objects.get().state == "delivered"
    assert len(people.received) == 1


def test_alert_nobody_took_for_a_day_is_dead(run: AlertRun, people: Receiver) -> None:
    people.answers = [500] * 300
    begin(run)
    for _ in range(20):
        run.step(7200)

    assert Delivery.objects.get().state == "dead"


def test_heartbeat_and_metrics_count_tries_and_messages(
    run: AlertRun, people: Receiver, client: Client
) -> None:
    people.answers = [500]
    begin(run)
    run.beat()

    text = client.get("/metrics").content.decode()

    assert "alerts_up 1.0" in text
    assert "alerts_incidents_open 1.0" in text
    assert 'alerts_messages{channel="alert",state="waiting"} 1.0' in text
    assert 'alerts_tries_total{channel="alert",outcome="failed"} 1.0' in text


def test_old_rows_are_pruned(run: AlertRun, people: Receiver) -> None:
    begin(run)
    run.clock.pass_by((rows.DELIVERED_DAYS + 1) * 86_400)

    assert rows.prune(run.clock.now) == 1
    assert Incident.objects.exists()


def test_process_that_never_reached_the_database_leads_after_a_while() -> None:
    clock = Clock()
    lead = Lead("one", clock)
    assert not lead.hold_alone()

    clock.pass_by(TAKE_OVER_SECONDS)

    assert lead.hold_alone()
    AlertLead.objects.create(id=1, owner="two", beat=5)
    assert not lead.hold()  # the other one leads, as the database says


def test_standby_does_not_lead_because_the_database_went_away() -> None:
    clock = Clock()
    AlertLead.objects.create(id=1, owner="two", beat=5)
    lead = Lead("one", clock)
    assert not lead.hold()

    clock.pass_by(10 * TAKE_OVER_SECONDS)

    assert not lead.hold_alone()


def test_alert_that_gets_worse_is_told_again_and_is_one_incident(
    run: AlertRun, people: Receiver
) -> None:
    run.wrong = [wrong(severity=Severity.WARNING)]
    run.step()
    run.step(HOLD)
    run.wrong = [wrong()]
    run.step(1)
    run.wrong = []
    run.step(1)
    run.step(RECOVERY)

    assert people.titles == [
        "Warning: feed down (market)",
        "Critical: feed down (market)",
        "Recovered: feed down (market)",
    ]
    assert Incident.objects.get().severity == "critical"


def test_what_is_wrong_while_the_instance_starts_is_not_told(people: Receiver) -> None:
    run = AlertRun(Clock(), alerts=(people.url("json"),), settle_seconds=20)
    run.wrong = [wrong("process_down")]
    run.step()
    run.step(19)
    run.wrong = []
    run.step(2)
    run.step(60)
    assert people.received == []

    begin(run)

    assert people.titles == ["Critical: feed down (market)"]
