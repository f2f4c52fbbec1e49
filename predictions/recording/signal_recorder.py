"""The recorder of signals: from `log:signals` to the ledger. Run by `manage.py run_recorder`."""

from dataclasses import dataclass, field

import structlog
from django.db import transaction

from predictions.models import Signal, SignalGap
from predictions.recording.log_recorder import LogRecorder, LogTally
from predictions.rows.signal_rows import BatchRows, batch_rows
from predictions.transparency.appending import append_entries

log = structlog.get_logger(__name__)

Key = tuple[str, str, str, int, str, int]
KEY_FIELDS = ("venue", "symbol", "timeframe", "candle_open", "model_version", "revision")
"""Of the constraint `signal_once`."""


@dataclass(slots=True)
class SignalTally(LogTally):
    """What this process did since its start; part of its heartbeat.

    contradicted: signals that differ from what the ledger holds under the same name, which stays.
    """

    made: int = 0
    gaps: int = 0
    contradicted: int = 0
    last_made_ms: int | None = None


@dataclass(slots=True)
class SignalRecorder(LogRecorder[BatchRows]):
    """Stores signals and the gaps between them, a batch a step."""

    tally: SignalTally = field(init=False, default_factory=SignalTally)

    def _rows(self, entry_id: str, packed: bytes) -> BatchRows:
        return batch_rows(entry_id, packed)

    def _store(self, entries: list[BatchRows]) -> None:
        with transaction.atomic():
            appended = append_entries([batch.logged for batch in entries])
            new = [batch for batch in entries if batch.logged.hash in appended.new]
            signals = [row for batch in new for row in batch.signals]
            gaps = [row for batch in new for row in batch.gaps]
            for batch in new:
                leaf = appended.leaves[batch.logged.hash]
                for signal in batch.signals:
                    signal.leaf_id = leaf
                for gap in batch.gaps:
                    gap.leaf_id = leaf
            Signal.objects.bulk_create(signals, ignore_conflicts=True)
            SignalGap.objects.bulk_create(gaps, ignore_conflicts=True)
            contradicted = _contradicted(signals)
        for row in contradicted:
            named = dict(zip(KEY_FIELDS, _key(row), strict=True))
            log.error("signal_contradicted", leaf=row.leaf_id, **named)
        self.tally.contradicted += len(contradicted)
        self.tally.made += len(signals) - len(contradicted)
        self.tally.gaps += len(gaps)
        for batch in entries:
            self.tally.last_made_ms = batch.made_ms


def _contradicted(signals: list[Signal]) -> list[Signal]:
    # An entry that comes again finds itself; another of the same name must not vanish unsaid.
    held = {
        row[:-1]: row[-1]
        for row in Signal.objects.filter(
            venue__in={row.venue for row in signals},
            symbol__in={row.symbol for row in signals},
            candle_open__in={row.candle_open for row in signals},
        ).values_list(*KEY_FIELDS, "leaf_id")
    }
    return [row for row in signals if held.get(_key(row)) != row.leaf_id]


def _key(row: Signal) -> Key:
    return (
        row.venue,
        row.symbol,
        row.timeframe,
        row.candle_open,
        row.model_version,
        row.revision,
    )
