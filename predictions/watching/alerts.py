"""What is wrong now, in words, how bad it is and what to do: the System page's first panel.

Read by `/api/system`. Nothing is measured here: it judges what heartbeats, Redis, database and
Django's checks said, by the bounds that they know themselves.
"""

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from django.core.checks import ERROR, CheckMessage

from inference.vocabulary import ENGINES
from market.redis_policy import REQUIRED_POLICY
from predictions.promotion.told import DriftTold
from predictions.promotion.told_watches import WatchesTold
from predictions.recording.backlog import alarms
from predictions.recording.log_reader import Backlog
from predictions.watching.alert import Alert, Severity
from predictions.watching.drift_troubles import drift_troubles
from predictions.watching.host_troubles import host_troubles
from predictions.watching.market_troubles import market_troubles
from predictions.watching.process_troubles import process_troubles
from predictions.watching.retraining_troubles import retraining_troubles

LONGEST_UNSIGNED_SECONDS = 300.0
"""The recorder signs every minute while the log grows."""

Facts = Mapping[str, Any]


def current_alerts(
    facts: Facts,
    checks: Sequence[CheckMessage],
    rollbacks: WatchesTold | None = None,
    drift: DriftTold | None = None,
) -> list[dict[str, Any]]:
    """Return what is wrong, the worst first. facts: the report's parts, null where unknown.

    rollbacks: what the recorder told of champions that lose, None where that is unknown. drift:
    what was measured of it, None where that is unknown.
    """
    found = [
        *_stores(facts),
        *process_troubles(facts["processes"]),
        *market_troubles(facts["processes"]["market"], facts["listings"]),
        *_redis(facts),
        *_ledger(facts),
        *host_troubles(facts["host"]),
        *retraining_troubles(rollbacks, time.time_ns() // 1_000_000),
        *drift_troubles(drift, (facts["market"] or {}).get("venue")),
        *_checks(checks),
    ]
    order = list(Severity)
    return [asdict(each) for each in sorted(found, key=lambda each: order.index(each.severity))]


def _stores(facts: Facts) -> Iterator[Alert]:
    if facts["redis"]["status"] != "connected":
        yield Alert(
            "redis_away",
            Severity.CRITICAL,
            "redis",
            "Redis does not answer: nothing is predicted, and what the processes do is unknown.",
            "Start it, or look at REDIS_URL; what runs goes on by itself once it is back.",
        )
    if facts["database"]["status"] != "connected":
        yield Alert(
            "database_away",
            Severity.CRITICAL,
            "database",
            "The database does not answer: nothing is stored or graded. What is said waits in "
            "Redis.",
            "Start it, or look at DATABASE_URL; the recorder catches up by itself.",
        )


def _redis(facts: Facts) -> Iterator[Alert]:
    redis = facts["redis"]
    if redis.get("policy_ok") is False:
        yield Alert(
            "redis_evicts",
            Severity.CRITICAL,
            "redis",
            f"Redis has maxmemory-policy {redis['policy']} and may drop entries of the ledger.",
            f"Run CONFIG SET maxmemory-policy {REQUIRED_POLICY}, and set it in redis.conf.",
        )
    streams = [each for each in facts["streams"] or () if each["engine"] in ENGINES]
    behind = {
        each["engine"]: Backlog(each["behind_entries"], each["behind_seconds"])
        for each in streams
        if each["behind_seconds"] is not None
    }
    for words in alarms(behind, redis.get("memory_ratio")):
        yield Alert(
            "near_bound",
            Severity.WARNING,
            "redis",
            f"{words[0].upper()}{words[1:]}.",
            "See Redis sizing in docs/operations.md.",
        )
    for each in streams:
        if each["problem"]:
            yield Alert(
                "stream_unreadable",
                Severity.CRITICAL,
                "redis",
                f"{each['problem']}.",
                f"Somebody else writes {each['key']}; give this instance a Redis of its own.",
            )
        if each["dead_letters"]:
            yield Alert(
                "dead_letters",
                Severity.WARNING,
                "recorder",
                f"{each['dead_letters']} entries of {each['key']} could not be stored and were "
                "set aside.",
                f"Look at the list dead:{each['engine']} in Redis; the recorder's log says why.",
            )


def _ledger(facts: Facts) -> Iterator[Alert]:
    ledger = facts["ledger"]
    if ledger is None:
        return
    if (verified := ledger["verified"]) and verified["faults"]:
        yield Alert(
            "ledger_broken",
            Severity.CRITICAL,
            "database",
            f"The check of {verified['at'][:19]} UTC found {verified['faults']} places where the "
            "ledger differs.",
            "Run manage.py verify_ledger, which names them; once it finds nothing, this ends.",
        )
    if not ledger["entries"]:
        return
    checkpoint = ledger["checkpoint"]
    age = ledger["last_commit_age_seconds"]
    unsigned = ledger["entries"] if checkpoint is None else checkpoint["entries_since"]
    since = age if checkpoint is None else checkpoint["age_seconds"]
    if unsigned and since is not None and since > LONGEST_UNSIGNED_SECONDS:
        yield Alert(
            "not_signed",
            Severity.WARNING,
            "recorder",
            f"{unsigned} entries of the ledger are under no signed checkpoint.",
            "See whether the recorder runs, and manage.py check for its key.",
        )


def _checks(checks: Sequence[CheckMessage]) -> Iterator[Alert]:
    for each in checks:
        yield Alert(
            str(each.id or "check"),
            Severity.CRITICAL if each.level >= ERROR else Severity.WARNING,
            "settings",
            str(each.msg),
            str(each.hint or ""),
        )
