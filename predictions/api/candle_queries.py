"""What `/api/candles` may be asked for: each parameter, and what it allows."""

from dataclasses import dataclass
from urllib.parse import quote

from django import forms
from django.core.validators import MaxValueValidator, MinValueValidator
from django.http import QueryDict

from market.candles.timeframes import Timeframe
from predictions.api.errors import InvalidParameterError
from predictions.api.filter_fields import SymbolField, TimeField, values_of
from predictions.api.pagination import LONGEST_PAGE
from predictions.api.signal_queries import DEFAULT_TIMEFRAME, refuse_others
from predictions.moments import milliseconds

DEFAULT_LIMIT = 100
LONGEST_VENUE = 96
LONGEST_FOLDER = 255
"""Bytes of a file's name, as candles of a venue lie under its quoted name."""
TIMEFRAMES = tuple(each.value for each in Timeframe)

_LIMIT = f"must be a whole number from 1 to {LONGEST_PAGE}"


@dataclass(frozen=True, slots=True)
class CandleQuestion:
    """venue: None for the running one. to_ms: closed by then; None for now."""

    symbol: str
    timeframe: Timeframe
    venue: str | None
    to_ms: int | None
    limit: int


class CandleForm(forms.Form):
    """All parameters."""

    symbol = SymbolField(error_messages={"required": "is missing; write one, such as BTCUSDT"})
    timeframe = forms.ChoiceField(
        required=False,
        choices=[(value, value) for value in TIMEFRAMES],
        error_messages={"invalid_choice": f"must be one of {', '.join(TIMEFRAMES)}"},
    )
    venue = forms.CharField(required=False, max_length=LONGEST_VENUE)
    to = TimeField(required=False)
    limit = forms.IntegerField(
        required=False,
        validators=[MinValueValidator(1, _LIMIT), MaxValueValidator(LONGEST_PAGE, _LIMIT)],
        error_messages={"invalid": _LIMIT},
    )


def candle_question(query: QueryDict) -> CandleQuestion:
    """Return what is asked. Raises InvalidParameterError naming what is allowed."""
    refuse_others(query, sorted(CandleForm.base_fields))
    values = values_of(CandleForm(query))
    venue, to = values["venue"], values["to"]
    if venue is not None and not _is_name(venue):
        raise InvalidParameterError(f"venue: {venue!r} is no name for a venue")
    return CandleQuestion(
        symbol=values["symbol"],
        timeframe=Timeframe(values["timeframe"] or DEFAULT_TIMEFRAME),
        venue=venue,
        to_ms=None if to is None else milliseconds(to),
        limit=values["limit"] or DEFAULT_LIMIT,
    )


def _is_name(venue: str) -> bool:
    return bool(venue.strip(".")) and len(quote(venue, safe="")) <= LONGEST_FOLDER
