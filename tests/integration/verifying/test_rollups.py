"""`verify_ledger` adds hours of forecasts up again: a roll-up that was altered is named."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from django.db import OperationalError

from predictions.accuracy.hours import BLOCKS_SHAPE, HOUR_MS
from predictions.accuracy.rollups import rebuild, store_hour
from predictions.models import Forecast, ForecastOutcome, ForecastRollup, LedgerEntry, Pruning
from predictions.verifying import rollups as verifying
from predictions.verifying.findings import Finding, Findings, Kind
from predictions.verifying.rollups import check_rollups
from tests.integration.checked_ledger import check
from tests.integration.ledger import FIRST_TICK_MS
from tests.integration.said_forecasts import VENUE, came, said, store
from tests.integration.tampering import tampering

SECOND = FIRST_TICK_MS + HOUR_MS


@pytest.fixture
def added_up(leaf: LedgerEntry) -> None:
    """Two hours of two symbols, added up."""
    for hour_ts in (FIRST_TICK_MS, SECOND):
        for index in range(6):
            symbol = ["BTCUSDT", "ETHUSDT"][index % 2]
            one = said(leaf, 0, symbol=symbol, prediction_ts=hour_ts + index * 2_000)
            store([(one, came(one, 1.0 - index % 3))])
    assert rebuild() == (2, [])


def found() -> tuple[list[Finding], Findings]:
    told: list[Finding] = []
    findings = Findings(told.append)
    check_rollups(findings)
    return told, findings


@pytest.mark.usefixtures("added_up")
def test_hours_as_their_rows_say_have_nothing_that_differs() -> None:
    told, findings = found()
    assert told == []
    assert findings.checked == {"ForecastRollup": 4}


@pytest.mark.usefixtures("added_up")
@pytest.mark.parametrize(
    ("changes", "field", "stored", "expected"),
    [
        ({"said": 30}, "said", "30", "3"),
        ({"said": 2}, "said", "2", "3"),
        ({"said": 0}, "said", "0", "3"),
        ({"late": 1}, "late", "1", "0"),
        ({"graded": 2}, "graded", "2", "3"),
        ({"ungradable": {"no_forecast": 1}}, "ungradable", "{'no_forecast': 1}", "{}"),
        ({"blocks": b""}, "blocks", "no sums", "1020 of them"),
        ({"histogram": b"\x00"}, "histogram", "no sums", "1200 of them"),
    ],
)
def test_altered_rollup_is_named(
    changes: dict[str, Any], field: str, stored: str, expected: str
) -> None:
    ForecastRollup.objects.filter(symbol="ETHUSDT", hour_ts=SECOND).update(**changes)
    told, _ = found()
    assert [(each.kind, each.field, each.stored, each.expected) for each in told] == [
        (Kind.ALTERED, field, stored, expected)
    ]
    assert told[0].row == (
        "2026-01-01T01:00:00+00:00 ETHUSDT of test (not live), v1 on v1, champion, redis"
    )


@pytest.mark.usefixtures("added_up")
def test_altered_sum_is_named_with_its_minute_and_column() -> None:
    row = ForecastRollup.objects.filter(symbol="BTCUSDT", hour_ts=SECOND).get()
    blocks = np.frombuffer(bytes(row.blocks), "<f4").reshape(BLOCKS_SHAPE).copy()
    blocks[7, 1] += 0.5
    row.blocks = blocks.tobytes()
    row.save()
    [told] = found()[0]
    assert (told.field, told.stored, told.expected) == ("blocks, abs_error of 7", "0.5", "0.0")


@pytest.mark.usefixtures("added_up")
def test_removed_and_invented_rollups_are_named() -> None:
    row = ForecastRollup.objects.filter(symbol="BTCUSDT", hour_ts=SECOND).get()
    row.delete()
    row.pk, row.model_version = None, "v2"
    row.save(force_insert=True)
    row.pk, row.hour_ts = None, SECOND + HOUR_MS
    row.save(force_insert=True)
    told, _ = found()
    assert [each.kind for each in told] == [Kind.REMOVED, Kind.INSERTED, Kind.INSERTED]
    assert "v1" in told[0].row
    assert "v2" in told[1].row


@pytest.mark.usefixtures("added_up")
def test_hour_whose_rows_came_since_is_no_fault_until_it_was_altered(leaf: LedgerEntry) -> None:
    late = said(leaf, 20, symbol="AAVEUSDT")
    store([(late, None)])
    assert found()[0] == []
    ForecastRollup.objects.filter(hour_ts=FIRST_TICK_MS, symbol="BTCUSDT").update(graded=1)
    assert {each.kind for each in found()[0]} == {Kind.ALTERED, Kind.REMOVED}
    came(late, 1.0).save()
    assert store_hour(VENUE, FIRST_TICK_MS)
    assert found()[0] == []


@pytest.mark.usefixtures("added_up")
def test_pruned_hour_cannot_be_checked_and_the_next_one_can() -> None:
    Pruning.objects.create(engine="forecasts", venue=VENUE, before_ts=SECOND)
    gone = Forecast.objects.filter(prediction_ts__lt=FIRST_TICK_MS + 4_000)
    ForecastOutcome.objects.filter(forecast__in=gone).delete()
    gone.delete()
    ForecastRollup.objects.update(graded=1)
    told, findings = found()
    assert {each.row[:13] for each in told} == {"2026-01-01T01"}
    assert findings.checked == {"ForecastRollup": 2}


@pytest.mark.usefixtures("added_up")
def test_hour_that_cannot_be_read_is_named_and_the_next_is_checked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    read = verifying._read

    def unreadable(venue: str, hour_ts: int) -> verifying.Stored:
        if hour_ts == FIRST_TICK_MS:
            raise OperationalError("Could not decode to UTF-8 column")
        return read(venue, hour_ts)

    monkeypatch.setattr(verifying, "_read", unreadable)
    ForecastRollup.objects.filter(hour_ts=SECOND, symbol="BTCUSDT").update(late=1)
    first, second = found()[0]
    assert first.row == "2026-01-01T00:00:00+00:00 of test"
    assert "cannot be read" in first.message
    assert second.field == "late"


@pytest.mark.usefixtures("added_up")
def test_verification_names_a_rollup_that_was_inflated(tmp_path: Path) -> None:
    with tampering():
        ForecastRollup.objects.filter(symbol="BTCUSDT", hour_ts=SECOND).update(said=30)
    told, _ = check(tmp_path)
    assert [each.field for each in told if each.model == "ForecastRollup"] == ["said"]
