"""How far it is shown that a champion loses to its rival, counted on from where it was left.

What was counted lies in the database with what it led to, so that a restart, or a second recorder,
neither loses nor counts twice. Read by the chore that rolls back.
"""

from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from django.db.models import QuerySet
from django.utils import timezone

from inference.vocabulary import FORECASTS
from market.clock import MarketTime
from predictions.accuracy.questions import newest_ms
from predictions.models import Forecast, RollbackWatch, Signal
from predictions.moments import milliseconds, moment
from predictions.promotion.block_losses import Block, Rhythm, forecast_blocks, signal_blocks
from predictions.promotion.e_process import THRESHOLD, EProcess
from predictions.promotion.pairing import paired_forecasts, paired_signals
from predictions.promotion.reigns import CLASS_SHARES, NO_CHANGE, Reign
from predictions.promotion.spoken import spoken_pieces

RESTARTS = {FORECASTS: 500}
"""Blocks after which the bets on forecasts are begun again: eight hours."""
SIGNAL_RESTARTS = 15
SILENT_BLOCKS = 3
"""A rival that said nothing in the newest of so many blocks is none."""
CLASSES_BEFORE = 10.0
"""As if each class had come so often before the first signal was graded."""


@dataclass(slots=True)
class Bets:
    """What a row of RollbackWatch goes on from."""

    process: EProcess
    classes: list[float] = field(default_factory=lambda: [CLASSES_BEFORE] * 3)

    def to_json(self) -> dict[str, Any]:
        return {"process": asdict(self.process), "classes": self.classes}

    @classmethod
    def from_json(cls, kept: dict[str, Any]) -> "Bets":
        process = dict(kept["process"])
        process["fortunes"] = tuple(process["fortunes"])
        return cls(EProcess(**process), list(kept["classes"]))


@dataclass(frozen=True, slots=True)
class Watch:
    """One champion in the market that runs."""

    reign: Reign
    market: MarketTime
    horizon_ms: int

    @property
    def rhythm(self) -> Rhythm:
        timeframe = self.reign.slot.timeframe
        if timeframe is None:
            return Rhythm.of_forecasts(self.horizon_ms)
        return Rhythm.of_signals(timeframe)

    def row(self) -> RollbackWatch | None:
        """Return how the evidence stands; None before the market's first prediction.

        The first look makes it: what a live market did since the promotion counts, of one that is
        made up what comes from now on.
        """
        newest = self._newest_ms()
        if newest is None:
            return None
        began_ms = milliseconds(self.reign.began.done_at) if self.market.live else newest
        restart = RESTARTS.get(self.reign.slot.engine, SIGNAL_RESTARTS)
        row, _ = RollbackWatch.objects.get_or_create(
            reign=self.reign.began,
            venue=self.market.venue,
            defaults={
                "slot": str(self.reign.slot),
                "version": self.reign.version,
                "live": self.market.live,
                "rival": self.reign.rival,
                "through_ms": self.rhythm.begin(began_ms),
                "bets": Bets(EProcess(restart)).to_json(),
                "e_value": 1.0,
                "highest": 1.0,
            },
        )
        return row

    def count(self) -> Iterator[RollbackWatch]:
        """Count what is new, and yield the row after each piece of the ledger.

        Ends where it is shown that the champion loses: nothing counted later may undo that.
        """
        row = self.row()
        if row is None or row.highest >= THRESHOLD:
            return
        until = self._until_ms(row)
        if until <= row.through_ms:
            return
        rival = self.reign.rival if self._speaks(until) else self.reign.baseline
        yield from replace(self, reign=replace(self.reign, rival=rival))._count(row, until)

    def _count(self, row: RollbackWatch, until: int) -> Iterator[RollbackWatch]:
        for begin, end in self._pieces(row.through_ms, until):
            bets = Bets.from_json(row.bets)
            blocks = list(self._blocks(begin, end, bets.classes))
            bets.process = bets.process.after_all(block.difference for block in blocks)
            if not self._store(row, end, bets, blocks):
                return
            yield row
            if row.highest >= THRESHOLD:
                return

    def _store(self, row: RollbackWatch, end: int, bets: Bets, blocks: list[Block]) -> bool:
        process = bets.process
        changed = {
            "through_ms": end,
            "rival": self.reign.rival,
            "bets": bets.to_json(),
            "e_value": process.e_value,
            "highest": process.highest,
            "difference": process.mean,
            "blocks": process.blocks,
            "decisions": row.decisions + sum(block.decisions for block in blocks),
            "measured_at": timezone.now(),
        }
        # Another recorder may have counted the same: then all of this is forgotten.
        mine = RollbackWatch.objects.filter(pk=row.pk, through_ms=row.through_ms).update(**changed)
        for name, value in changed.items():
            setattr(row, name, value)
        return bool(mine)

    def _speaks(self, until: int) -> bool:
        # Where nobody speaks for the rival (run_shadow does not run, say), the baseline stands in.
        if self.reign.rival_is_baseline:
            return True
        slot, venue = self.reign.slot, self.market.venue
        rows: QuerySet[Any] = Forecast.objects.filter(venue=venue)
        if slot.timeframe is not None:
            rows = self._signals()
        lately = rows.filter(
            predicted_at__gte=moment(until - SILENT_BLOCKS * self.rhythm.period_ms),
            predicted_at__lt=moment(until),
        )
        return lately.filter(model_version=self.reign.rival).exists()

    def _newest_ms(self) -> int | None:
        if self.reign.slot.timeframe is None:
            return newest_ms(self.market.venue)
        newest = self._signals().order_by("-predicted_at").values_list("candle_close", flat=True)
        return newest.first()

    def _until_ms(self, row: RollbackWatch) -> int:
        newest = self._newest_ms()
        until = row.through_ms if newest is None else self.rhythm.end(newest)
        if self.reign.slot.timeframe is None:
            return until
        # A block waits while candles of its paths may still come, which grading does for a day.
        waiting = self._signals().filter(
            outcome__isnull=True,
            predicted_at__gte=moment(row.through_ms),
            predicted_at__lt=moment(until),
        )
        first = waiting.order_by("predicted_at").values_list("candle_close", flat=True).first()
        return until if first is None else first // self.rhythm.period_ms * self.rhythm.period_ms

    def _signals(self) -> "QuerySet[Signal]":
        timeframe = str(self.reign.slot.timeframe)
        return Signal.objects.filter(venue=self.market.venue, timeframe=timeframe)

    def _pieces(self, begin: int, until: int) -> Iterator[tuple[int, int]]:
        period = self.rhythm.period_ms
        if begin >= until:
            return
        if self.reign.slot.timeframe is not None:
            yield begin, until
            return
        versions = [self.reign.version]
        if not self.reign.rival_is_baseline:
            versions.append(self.reign.rival)
        at = begin
        for first, last in spoken_pieces(self.market.venue, versions, begin, until):
            # Block by block: of five hundred symbols one takes half a second. Nothing was said
            # between the pieces.
            start = max(at, first // period * period)
            for begins in range(start, min(last, until), period):
                yield at, begins + period
                at = begins + period
        if at < until:
            yield at, until  # nothing was said there, and is not looked for again

    def _blocks(self, begin: int, end: int, classes: list[float]) -> Iterator[Block]:
        reign, venue = self.reign, self.market.venue
        theirs = reign.version if reign.rival_is_baseline else reign.rival
        if reign.slot.timeframe is None:
            pairs = paired_forecasts(venue, reign.version, theirs, from_ms=begin, to_ms=end)
            yield from forecast_blocks(
                pairs, self.rhythm, rival_is_no_change=reign.rival == NO_CHANGE
            )
            return
        signals = paired_signals(
            venue, reign.slot.timeframe, reign.version, theirs,
            from_ms=begin, to_ms=end, features=False,
        )  # fmt: skip
        known = classes if reign.rival == CLASS_SHARES else None
        yield from signal_blocks(signals, self.rhythm, classes=known)
