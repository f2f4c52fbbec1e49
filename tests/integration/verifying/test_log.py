"""`verify_ledger` follows the log: its checkpoints, its tiles, and the chain of its entries."""

from pathlib import Path
from typing import Any

import pytest
import redis
from django.db import transaction

from inference.forecasts.entry import TickEntry
from predictions.models import (
    Checkpoint,
    ForecastOutcome,
    LedgerEntry,
    LogTile,
    Signal,
    SignalGap,
    SignalOutcome,
)
from predictions.transparency.appending import append_entries
from predictions.transparency.checkpoints import TreeHead, sign_checkpoint
from predictions.transparency.notes import Signer
from predictions.verifying.findings import Kind
from tests.integration.checked_ledger import MODELS, SIGNER, TICKS, chained, check, faults, ticks
from tests.integration.ledger import drain, new_recorder, publish
from tests.integration.tampering import tampering, tampering_undone
from tests.integration.test_transparency_log import new_entry

pytestmark = pytest.mark.django_db


def test_removed_newest_entries_are_told_by_the_checkpoint(
    recorded: redis.Redis, tmp_path: Path
) -> None:
    with tampering():
        for model in (SignalOutcome, Signal, SignalGap):
            model._default_manager.all().delete()
        LedgerEntry.objects.filter(index__gte=TICKS).delete()
    [finding] = faults(tmp_path)
    assert f"{TICKS + 2} entries were signed, and the log has {TICKS}" in finding.message


def test_ledger_rewritten_as_a_whole_is_evident_to_whoever_holds_a_checkpoint(
    recorded: redis.Redis, tmp_path: Path
) -> None:
    earlier = Checkpoint.objects.order_by("size").first()
    assert earlier is not None
    held = [TreeHead(SIGNER.name, earlier.size, bytes(earlier.root))]
    assert check(tmp_path, against=held)[0] == []
    with tampering():
        for model in (ForecastOutcome, SignalOutcome, *MODELS):
            model._default_manager.all().delete()
    recorded.flushall()
    publish(recorded, *chained(ticks(TICKS + 2, venue="better")))
    drain(new_recorder(recorded))
    sign_checkpoint(SIGNER)
    assert check(tmp_path)[0] == []
    found = faults(tmp_path, against=held)
    assert [each.field for each in found if each.kind is Kind.ALTERED] == [
        f"root of the first {TICKS}"
    ]


def test_removed_checkpoint_is_known_to_whoever_holds_it(
    recorded: redis.Redis, tmp_path: Path
) -> None:
    earlier = Checkpoint.objects.get(size=TICKS)
    with tampering():
        Checkpoint.objects.filter(size=TICKS).delete()
    held = [TreeHead(SIGNER.name, TICKS, bytes(earlier.root))]
    [finding] = faults(tmp_path, against=held)
    assert (finding.kind, finding.model, finding.row) == (Kind.REMOVED, "Checkpoint", str(TICKS))
    longer = [TreeHead(SIGNER.name, TICKS + 50, bytes(32))]
    [finding] = faults(tmp_path, against=longer)
    assert f"{TICKS + 50} entries were signed, and the log has {TICKS + 2}" in finding.message


def test_checkpoints_of_a_foreign_key_are_refused_or_told(
    recorded: redis.Redis, tmp_path: Path
) -> None:
    other = Signer.generate("example.org/log").verifier
    assert {each.kind for each in faults(tmp_path, trusted=[other])} == {Kind.UNSIGNED}
    found, _ = check(tmp_path, present=other)
    assert {each.kind for each in found} == {Kind.KEY}


def test_tile_is_compared_with_what_is_below_it(tmp_path: Path) -> None:
    with transaction.atomic():
        append_entries([new_entry(number) for number in range(300)])
    stored = LogTile.objects.get()
    unreadable = {each.row for each in faults(tmp_path)}
    assert len(unreadable) == 300  # these entries are no packed ticks: each is named
    for column, at in (("hashes", 33), ("root", 3)):
        data = bytearray(getattr(stored, column))
        data[at] ^= 1
        with tampering_undone():
            LogTile.objects.update(**{column: bytes(data)})
            [finding] = [each for each in faults(tmp_path) if each.model == "LogTile"]
            assert (finding.row, finding.field) == ("0/0", column)
    with tampering_undone():
        LogTile.objects.create(level=0, index=1, hashes=bytes(8192), root=bytes(32))
        LogTile.objects.filter(index=0).delete()
        kinds = {(each.kind, each.row) for each in faults(tmp_path) if each.model == "LogTile"}
        assert kinds == {(Kind.REMOVED, "0/0"), (Kind.INSERTED, "0/1")}


def test_tile_of_zeros_is_summed_up(tmp_path: Path) -> None:
    with transaction.atomic():
        append_entries([new_entry(number) for number in range(256)])
    with tampering():
        LogTile.objects.update(hashes=bytes(8192))
    found = [each for each in faults(tmp_path) if each.model == "LogTile"]
    assert [each.field for each in found] == ["hashes"] * 3 + [""]
    assert str(found[-1]) == (
        "altered: LogTile 0/0 (253 more of its 256 hashes are not those of what is below it)"
    )


def test_missing_link_and_new_start_are_told_and_no_fault(
    binary: redis.Redis, tmp_path: Path
) -> None:
    first, *others = chained(ticks(9))
    begun_anew = chained(ticks(12)[9:])
    publish(binary, first, *others[:3], *others[4:], *begun_anew)
    drain(new_recorder(binary))
    found, verification = check(tmp_path)
    assert [(each.kind, each.row) for each in found] == [(Kind.GAP, "4"), (Kind.RESTART, "8")]
    assert "is not in the ledger" in found[0].message
    assert verification.findings.faults == 0


def test_entry_that_follows_what_another_follows_is_told_as_a_fork(
    recorded: redis.Redis, tmp_path: Path
) -> None:
    newest = TickEntry.unpack(chained(ticks())[-1])
    later = ticks(TICKS + 6)[-1]
    later.prev = newest.prev
    publish(recorded, later.pack())
    drain(new_recorder(recorded))
    [finding], verification = check(tmp_path)
    assert (finding.kind, finding.row) == (Kind.FORK, str(TICKS + 2))
    assert f"the same entry as {TICKS - 1} does" in finding.message
    assert verification.findings.faults == 0


def test_entry_that_follows_one_of_another_chain_is_a_fault(
    recorded: redis.Redis, tmp_path: Path
) -> None:
    newest = TickEntry.unpack(chained(ticks())[-1])
    others: list[dict[str, Any]] = [{"venue": "other"}, {"shard": 3}]
    for number, changes in enumerate(others):
        later = ticks(TICKS + 6 + number, **changes)[-1]
        later.prev = newest.prev
        publish(recorded, later.pack())
    drain(new_recorder(recorded))
    found, _ = check(tmp_path)
    rows = [str(TICKS + 2), str(TICKS + 3)]
    assert [each.row for each in found if each.kind is Kind.FORK] == rows
    foreign = [each for each in found if each.kind.is_fault]
    assert {(each.kind, each.row) for each in foreign} == {(Kind.INSERTED, row) for row in rows}
    assert all(
        f"entry {TICKS - 2}, which is of forecasts of test, shard 0" in each.message
        for each in foreign
    )
