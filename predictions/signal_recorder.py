"""The recorder of signals: from `log:signals` to the ledger. Run by `manage.py run_recorder`."""

from dataclasses import dataclass, field

from django.db import transaction

from predictions.log_recorder import LogRecorder, LogTally
from predictions.models import Signal, SignalGap
from predictions.signal_rows import BatchRows, batch_rows


@dataclass(slots=True)
class SignalTally(LogTally):
    """What this process did since its start; part of its heartbeat."""

    made: int = 0
    gaps: int = 0
    last_made_ms: int | None = None


@dataclass(slots=True)
class SignalRecorder(LogRecorder[BatchRows]):
    """Stores signals and the gaps between them, a batch a step."""

    tally: SignalTally = field(init=False, default_factory=SignalTally)

    def _rows(self, entry_id: str, packed: bytes) -> BatchRows:
        return batch_rows(entry_id, packed)

    def _store(self, entries: list[BatchRows]) -> None:
        signals = [row for batch in entries for row in batch.signals]
        gaps = [row for batch in entries for row in batch.gaps]
        with transaction.atomic():
            Signal.objects.bulk_create(signals, ignore_conflicts=True)
            SignalGap.objects.bulk_create(gaps, ignore_conflicts=True)
        self.tally.made += len(signals)
        self.tally.gaps += len(gaps)
        for batch in entries:
            self.tally.last_made_ms = batch.made_ms
