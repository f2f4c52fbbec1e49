"""`/signals/ID`: one signal: what was known, what was said, why, and what happened."""

from typing import Any
from urllib.parse import urlencode

from asgiref.sync import sync_to_async
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_safe

from dashboard.record import wording
from dashboard.record.ledger_link import ledger_link
from dashboard.record.levels import Level, levels
from dashboard.record.market_now import now_in_market
from dashboard.record.neighbours import signal_neighbours, signal_revisions
from dashboard.record.probability_bar import probability_bar
from dashboard.record.range_bars import feature_picture
from dashboard.record.states import State, horizon_ms, signal_state
from dashboard.record.unknown import unknown_row
from dashboard.shell import render_page
from predictions.as_of import signal_outcome
from predictions.feature_ranges import signal_ranges
from predictions.models import Signal, SignalOutcome
from predictions.said_features import signal_features

Context = dict[str, Any]


@require_safe
async def signal(request: HttpRequest, pk: int) -> HttpResponse:
    """Show one signal of the ledger."""
    found = await Signal.objects.select_related("outcome", "leaf").filter(pk=pk).afirst()
    if found is None:
        return await sync_to_async(unknown_row)(request, "signals", pk)
    now_ms = await now_in_market(found)
    return await sync_to_async(_answer)(request, found, now_ms)


def _answer(request: HttpRequest, found: Signal, now_ms: int | None) -> HttpResponse:
    outcome = signal_outcome(found)
    state = signal_state(found, outcome, now_ms)
    said = signal_features(found)
    drawn = levels(found, outcome)
    context: Context = {
        "signal": found,
        "outcome": outcome,
        "state": state,
        "levels": drawn,
        "known_from_ms": horizon_ms(found),
        "made_after_ms": found.made_ts - found.candle_close,
        "features": feature_picture(signal_ranges(found, said)),
        "row_url": reverse("signal", args=[found.pk]),
        "page": _for_script(found, outcome, state, drawn),
    }
    context |= _words(found, outcome) | _links(found)
    return render_page(request, "dashboard/signal.html", context, here="signals")


def _words(found: Signal, outcome: SignalOutcome | None) -> Context:
    return {
        "way": wording.way(found.direction),
        "direction": wording.direction_word(found.direction),
        "venue_tag": wording.venue_tag(found.venue, live=found.live),
        "reason_text": wording.signal_reason(found.reason),
        "role_text": wording.role_text(found.role),
        "ungradable_text": wording.ungradable_signal_text(outcome.reason) if outcome else "",
        "touched_word": wording.direction_word(outcome.touched) if outcome else "",
        "stack": probability_bar(
            (
                ("LONG", "up", found.p_long),
                ("NO TRADE", "flat", found.p_no_trade),
                ("SHORT", "down", found.p_short),
            )
        ),
    }


def _links(found: Signal) -> Context:
    revisions = signal_revisions(found)
    return {
        "others": [each for each in revisions if each.pk != found.pk],
        "superseded_by": next((e for e in revisions if e.revision > found.revision), None),
        "neighbours": signal_neighbours(found),
        "ledger": ledger_link(found.leaf),
    }


def _for_script(
    found: Signal, outcome: SignalOutcome | None, state: State, drawn: list[Level]
) -> Context:
    record = {
        "engine": "signals",
        "symbol": found.symbol,
        "timeframe": found.timeframe,
        "venue": found.venue,
        "model_version": found.model_version,
    }
    return {
        "kind": "signal",
        "id": found.pk,
        "symbol": found.symbol,
        "timeframe": found.timeframe,
        "venue": found.venue,
        "live": found.live,
        "pending": state.pending,
        "due": state.due,
        "untilMs": state.until_ms,
        "recordUrl": f"{reverse('accuracy')}?{urlencode(record)}",
        "path": {
            "fromMs": found.candle_close,
            "toMs": horizon_ms(found),
            "validUntilMs": found.valid_until_ts,
            "endedMs": outcome.ended_ts if outcome else None,
            "exit": outcome.exit_price if outcome else None,
            "levels": [
                {
                    "kind": each.kind,
                    "name": each.name,
                    "price": each.price,
                    "touchedMs": each.touched_ms,
                }
                for each in drawn
            ],
        },
    }
