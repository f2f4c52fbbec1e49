"""Whether a coin was traded at all where a signal's candles are missing, as the ledger tells.

Read by grading and by `verify_ledger`. The signal loop told of it while it was so, in entries
under the transparency log; what an exchange or a person says afterwards counts for nothing.
"""

from dataclasses import dataclass

from inference.signals.judging import NOT_TRADED
from inference.vocabulary import Ungradable
from predictions.grading.signals import SaidSignal
from predictions.models import Signal, SignalGap
from predictions.moments import milliseconds, moment

LOOK_BACK_MS = 24 * 3_600_000
"""Market time before a path's end. While a coin is not traded it is told of at every close."""


@dataclass(frozen=True, slots=True)
class ToldNotTraded:
    """Call it with a signal of this venue."""

    venue: str

    def __call__(self, said: SaidSignal) -> Ungradable:
        """Return why the coin was not traded when the path ended; NONE where that was not told.

        It must have been told between the signal's close and its horizon's end, with no signal of
        the coin after it.
        """
        since_ms = max(said.candle_close, said.end_ms - LOOK_BACK_MS)
        told = (
            SignalGap.objects.filter(
                venue=self.venue,
                symbol=said.symbol,
                reason__in=NOT_TRADED,
                predicted_at__gte=moment(since_ms),
                predicted_at__lt=moment(said.end_ms),
            )
            .order_by("-predicted_at", "-id")
            .values_list("predicted_at", "reason")
            .first()
        )
        if told is None or self._spoken_of_since(said, milliseconds(told[0])):
            return Ungradable.NONE
        return Ungradable(told[1])

    def _spoken_of_since(self, said: SaidSignal, told_ms: int) -> bool:
        return Signal.objects.filter(
            venue=self.venue,
            symbol=said.symbol,
            predicted_at__gt=moment(told_ms),
            predicted_at__lt=moment(said.end_ms),
        ).exists()
