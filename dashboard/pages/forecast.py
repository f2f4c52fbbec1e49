"""`/forecasts/ID`: one forecast: what was known, what was said, why, and what happened."""

from typing import Any
from urllib.parse import urlencode

from asgiref.sync import sync_to_async
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_safe

from dashboard.record import wording
from dashboard.record.ledger_link import ledger_link
from dashboard.record.market_now import now_in_market
from dashboard.record.neighbours import forecast_neighbours
from dashboard.record.probability_bar import probability_bar
from dashboard.record.range_bars import feature_picture
from dashboard.record.states import State, forecast_state
from dashboard.record.unknown import unknown_row
from dashboard.shell import render_page
from predictions.as_of import forecast_outcome
from predictions.feature_ranges import forecast_ranges
from predictions.models import Forecast, ForecastOutcome
from predictions.moments import moment
from predictions.said_features import forecast_features

Context = dict[str, Any]
AROUND_MS = 60_000
"""Of the market, drawn before the decision and after the target."""


@require_safe
async def forecast(request: HttpRequest, pk: int) -> HttpResponse:
    """Show one forecast of the ledger."""
    found = await Forecast.objects.select_related("outcome", "leaf").filter(pk=pk).afirst()
    if found is None:
        return await sync_to_async(unknown_row)(request, "forecasts", pk)
    now_ms = await now_in_market(found)
    return await sync_to_async(_answer)(request, found, now_ms)


def _answer(request: HttpRequest, found: Forecast, now_ms: int | None) -> HttpResponse:
    outcome = forecast_outcome(found)
    state = forecast_state(found, outcome, now_ms)
    said = forecast_features(found)
    context = {
        "forecast": found,
        "outcome": outcome,
        "state": state,
        "ahead_ms": found.target_ts - found.prediction_ts,
        "move_bp": _bp(found.mid_price, found.predicted_price),
        "lower_bp": _bp(found.mid_price, found.lower),
        "upper_bp": _bp(found.mid_price, found.upper),
        "made_after_ms": found.made_ts - found.prediction_ts,
        "void": [name for name, value in (said or {}).items() if value is None],
        "features": feature_picture(forecast_ranges(found, said)),
        "neighbours": forecast_neighbours(found),
        "ledger": ledger_link(found.leaf),
        "row_url": reverse("forecast", args=[found.pk]),
        "page": _for_script(found, outcome, state),
    }
    return render_page(
        request, "dashboard/forecast.html", context | _words(found, outcome), here="live"
    )


def _words(found: Forecast, outcome: ForecastOutcome | None) -> Context:
    return {
        "way": _way(found),
        "venue_tag": wording.venue_tag(found.venue, live=found.live),
        "source_text": wording.source_text(found.source),
        "reason_text": wording.forecast_reason(found.reason),
        "role_text": wording.role_text(found.role),
        "ungradable_text": wording.ungradable_text(outcome.reason) if outcome else "",
        "better": _better(outcome),
        "stack": probability_bar(
            (
                ("up", "up", found.p_up),
                ("unchanged", "flat", found.p_flat),
                ("down", "down", found.p_down),
            )
        ),
    }


def _way(found: Forecast) -> str:
    if found.predicted_price is None or found.mid_price is None:
        return ""
    away = found.predicted_price - found.mid_price
    return "up" if away > 0 else "down" if away < 0 else "flat"


def _bp(start: float | None, end: float | None) -> float | None:
    return None if not start or end is None else (end / start - 1) * 1e4


def _better(outcome: ForecastOutcome | None) -> str:
    if outcome is None or outcome.error_bp is None or outcome.no_change_error_bp is None:
        return ""
    own, other = abs(outcome.error_bp), abs(outcome.no_change_error_bp)
    return "closer than" if own < other else "further off than" if own > other else "as far off as"


def _for_script(found: Forecast, outcome: ForecastOutcome | None, state: State) -> Context:
    window = {
        "venue": found.venue,
        "symbol": found.symbol,
        "from": moment(found.prediction_ts - AROUND_MS).isoformat(),
        "to": moment(found.target_ts + AROUND_MS).isoformat(),
        "limit": 200,
    }
    record = {"engine": "forecasts", "symbol": found.symbol, "venue": found.venue}
    return {
        "kind": "forecast",
        "id": found.pk,
        "symbol": found.symbol,
        "tick": found.tick,
        "venue": found.venue,
        "live": found.live,
        "pending": state.pending,
        "due": state.due,
        "untilMs": state.until_ms,
        "recordUrl": f"{reverse('accuracy')}?{urlencode(record)}",
        "pathUrl": f"{reverse('forecasts')}?{urlencode(window)}",
        "path": {
            "fromMs": found.prediction_ts,
            "toMs": found.target_ts,
            "mid": found.mid_price,
            "predicted": found.predicted_price,
            "lower": found.lower,
            "upper": found.upper,
            "targetMid": outcome.target_mid if outcome else None,
        },
    }
