"""Signal networks on one market's ledger: each version's own figures, and its log-loss beside the
champion's on candles that both answered. Read by `predictions.promotion.ranking`."""

from collections.abc import Mapping, Sequence
from typing import Any

from django.db.models import Max

from inference.artefacts.versions import Slot
from inference.signals.levels import HORIZON_CANDLES
from inference.vocabulary import Role
from predictions.accuracy import signals
from predictions.accuracy.figures import Figure, losses_of_shares
from predictions.accuracy.graded_signals import MINIMUM, Floats, GradedSignals
from predictions.accuracy.hours import HOUR_MS
from predictions.accuracy.intervals import MINIMUM_BLOCKS, ratio_estimate, skill_estimate
from predictions.accuracy.losses import log_losses
from predictions.accuracy.signal_rows import SignalQuestion, SignalRow, find_signals
from predictions.models import Signal
from predictions.moments import moment
from predictions.promotion.ranked import Least, Ranked, RankedVersion, saved_share
from predictions.promotion.reigns import CLASS_SHARES

WINDOW_MS = 365 * 24 * HOUR_MS
MOST_SIGNALS = 20_000
"""Of a version, its newest graded ones."""
LEAST = Least(MINIMUM, MINIMUM_BLOCKS)
"""The stretches are of 48 candles: of 4h a trial of four weeks has three and a half."""


def ranked_signals(
    slot: Slot, venue: str, names: Sequence[str], champion: str, begin: int, end: int
) -> Ranked:
    """Return the figures of versions in [begin, end), or in its newest part where one of them said
    more than MOST_SIGNALS."""
    found = {name: _signals(slot, venue, name, begin, end) for name in names}
    cut = (rows[-MOST_SIGNALS] for rows in found.values() if len(rows) >= MOST_SIGNALS)
    begin = max((begin, *(row.candle_close for row in cut)))
    since = {n: [row for row in rows if row.candle_close >= begin] for n, rows in found.items()}
    said = {name: rows for name, rows in since.items() if rows}
    served = said.get(champion)
    versions = tuple(
        RankedVersion(
            name,
            _own_figures(rows),
            None if served is None or name == champion else _against(rows, served),
        )
        for name, rows in said.items()
    )
    shares = None if served is None else _shares_against(served)
    baseline = {"name": CLASS_SHARES, "log_loss_skill": 0.0, "against_champion": shares}
    return Ranked(versions, baseline, begin, end)


def newest_end(slot: Slot, venue: str) -> int | None:
    """Return the end of what can be ranked, market time; None where nothing was said."""
    rows = Signal.objects.filter(venue=venue, timeframe=str(slot.timeframe))
    newest = rows.order_by("-predicted_at").values_list("candle_close", flat=True).first()
    return None if newest is None else newest + 1


def spoken_signallers(slot: Slot, venue: str, begin: int, end: int) -> list[str]:
    """Return the versions that spoke in that time, those that spoke last first."""
    rows = Signal.objects.filter(
        venue=venue, timeframe=str(slot.timeframe),
        predicted_at__gte=moment(begin), predicted_at__lt=moment(end),
    )  # fmt: skip
    newest = rows.order_by().values("model_version").annotate(last=Max("predicted_at"))
    return list(newest.order_by("-last").values_list("model_version", flat=True))


def _signals(slot: Slot, venue: str, version: str, begin: int, end: int) -> list[SignalRow]:
    found: dict[tuple[str, int], SignalRow] = {}
    for role in (Role.SHADOW.value, None):
        asked = SignalQuestion(
            venue=venue, timeframe=str(slot.timeframe), model_version=version, role=role,
            from_ms=begin, to_ms=end, last=MOST_SIGNALS,
        )  # fmt: skip
        for row in find_signals(asked).rows:
            found.setdefault((row.symbol, row.candle_open), row)
    return sorted(found.values(), key=lambda row: (row.candle_close, row.symbol))


def _own_figures(rows: Sequence[SignalRow]) -> dict[str, Any]:
    told = signals.figures(rows)
    return {
        "n": told["n"],
        "log_loss_skill": told["log_loss"]["skill"],
        "accuracy": told["accuracy"],
        "hit_rate": told["hit_rate"],
    }


def _against(mine: Sequence[SignalRow], theirs: Sequence[SignalRow]) -> Figure:
    own, other = (_graded(rows) for rows in (mine, theirs))
    both = sorted(own.keys() & other.keys())
    first, second = (GradedSignals([rows[key] for key in both]) for rows in (own, other))
    return _saved(log_losses(first.came, first.probabilities), second)


def _shares_against(theirs: Sequence[SignalRow]) -> Figure:
    served = GradedSignals(theirs)
    return _saved(losses_of_shares("log_loss", served.shares)[served.came], served)


def _saved(losses: Floats, served: GradedSignals) -> Figure:
    against = log_losses(served.came, served.probabilities)
    found = ratio_estimate(losses, against, served.blocks, overlap=HORIZON_CANDLES)
    return saved_share(skill_estimate(found), LEAST)


def _graded(rows: Sequence[SignalRow]) -> Mapping[tuple[int, str], SignalRow]:
    return {(row.candle_close, row.symbol): row for row in rows if row.graded}
