"""Incidents: what is told, when, and what is not."""

from predictions.alerting.incidents import Begun, Change, Ended, IncidentBook, Key
from predictions.watching.alert import Alert, Severity

HOLD, RECOVERY = 15.0, 30.0


def wrong(
    code: str = "feed_down", subject: str = "market", severity: Severity = Severity.CRITICAL
) -> Alert:
    return Alert(code, severity, subject, "It is wrong.", "Mend it.")


class Watcher:
    """A book whose looks are told in one line each."""

    def __init__(self) -> None:
        self.book = IncidentBook(HOLD, RECOVERY)

    def look(self, now: float, *alerts: Alert, unknown: frozenset[str] = frozenset()) -> list[str]:
        def is_unknown(key: Key) -> bool:
            return key[0] in unknown

        return [_words(change) for change in self.book.observe(alerts, now, is_unknown)]


def _words(change: Change) -> str:
    return f"{type(change).__name__} {change.alert.code}"


def test_incident_that_holds_is_told_once_and_once_that_it_is_over() -> None:
    watcher = Watcher()

    told = {now: watcher.look(now, wrong()) for now in (0.0, 10.0, 15.0, 20.0, 300.0)}
    over = {now: watcher.look(now) for now in (301.0, 330.0, 331.0, 400.0)}

    assert told == {0.0: [], 10.0: [], 15.0: ["Begun feed_down"], 20.0: [], 300.0: []}
    assert over == {301.0: [], 330.0: [], 331.0: ["Ended feed_down"], 400.0: []}


def test_incident_times_are_of_the_first_and_the_last_look_at_it() -> None:
    book = IncidentBook(HOLD, RECOVERY)
    changes = [
        change
        for now, alerts in ((5.0, [wrong()]), (25.0, [wrong()]), (40.0, []), (80.0, []))
        for change in book.observe(alerts, now, lambda _: False)
    ]

    assert changes == [Begun(wrong(), 5.0), Ended(wrong(), 5.0, 40.0)]


def test_incident_shorter_than_the_hold_is_never_told() -> None:
    watcher = Watcher()

    told = [watcher.look(now, *alerts) for now, alerts in ((0.0, [wrong()]), (14.0, []))]
    told += [watcher.look(16.0, wrong()), watcher.look(30.9, wrong()), watcher.look(100.0)]

    assert told == [[]] * 5


def test_loop_that_is_degraded_while_windows_fill_is_not_told() -> None:
    watcher = Watcher()
    degraded = wrong("process_degraded", "inference", Severity.WARNING)

    assert watcher.look(0.0, degraded) == watcher.look(119.0, degraded) == []
    assert watcher.look(120.0, degraded) == ["Begun process_degraded"]


def test_incident_that_flaps_is_one_incident() -> None:
    watcher = Watcher()
    told = [watcher.look(0.0, wrong()), watcher.look(15.0, wrong())]

    for start in range(20, 200, 20):
        told.append(watcher.look(start, wrong()))
        told.append(watcher.look(start + 10))

    assert [each for each in told if each] == [["Begun feed_down"]]


def test_incident_neither_begins_nor_ends_while_it_is_unknown() -> None:
    watcher = Watcher()
    unknown = frozenset({"feed_down"})
    watcher.look(0.0, wrong())
    watcher.look(15.0, wrong())

    blind = [watcher.look(now, wrong("redis_away"), unknown=unknown) for now in (20.0, 60.0, 90.0)]
    seeing = [watcher.look(now) for now in (91.0, 120.0, 121.0)]

    assert blind == [[], ["Begun redis_away"], []]
    assert seeing == [[], [], ["Ended feed_down", "Ended redis_away"]]


def test_restored_incident_is_not_told_again_but_its_end_is() -> None:
    watcher = Watcher()
    watcher.book.restore([(wrong(), 100.0)])

    told = [watcher.look(now, wrong()) for now in (1000.0, 1100.0)]
    told += [watcher.look(now) for now in (1101.0, 1131.0)]

    assert told == [[], [], [], ["Ended feed_down"]]


def test_several_alerts_of_one_kind_are_one_incident() -> None:
    watcher = Watcher()
    alerts = [wrong("artefact_refused", "inference")] * 2 + [wrong("artefact_refused", "signals")]

    watcher.look(0.0, *alerts)

    assert watcher.look(15.0, *alerts) == ["Begun artefact_refused", "Begun artefact_refused"]


def test_incident_that_gets_worse_is_told_once_more() -> None:
    watcher = Watcher()
    little, much = wrong(severity=Severity.WARNING), wrong()
    watcher.look(0.0, little)

    told = [watcher.look(now, each) for now, each in (
        (15.0, little), (20.0, much), (25.0, little), (30.0, much),
    )]  # fmt: skip
    told += [watcher.look(31.0), watcher.look(61.0)]

    assert told == [["Begun feed_down"], ["Begun feed_down"], [], [], [], ["Ended feed_down"]]
