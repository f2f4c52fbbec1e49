"""What the ledger may be asked for: each parameter, and what it allows."""

import re
from datetime import datetime
from typing import Any

from django import forms
from django.conf import settings
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django_filters import rest_framework as filters
from django_filters.fields import IsoDateTimeField

from inference.vocabulary import Direction, Reason, SignalReason, Source
from market.candles.timeframes import SIGNAL_TIMEFRAMES
from market.symbols import UnknownSymbolError, parse_symbol
from predictions.api.errors import InvalidParameterError, UnservedSymbolError
from predictions.api.repeated import refuse_repeated
from predictions.models import Forecast, Signal

PAGING = ("cursor", "limit", "format")
_LOST_PLUS = re.compile(r" (?=\d\d:?\d\d$)")
"""A `+` in a query arrives as a space; before an offset nothing else can be meant."""


class SymbolField(forms.CharField):
    """A symbol in any of its spellings."""

    def clean(self, value: Any) -> str:
        text = super().clean(value)
        if not text:
            return ""
        try:
            return parse_symbol(text)
        except UnknownSymbolError as error:
            raise ValidationError(str(error)) from error


class SymbolFilter(filters.CharFilter):  # type: ignore[misc]  # django-filter is untyped
    field_class = SymbolField


class TimeField(IsoDateTimeField):  # type: ignore[misc]  # django-filter is untyped
    """A moment in ISO 8601; without an offset it is UTC."""

    default_error_messages = {
        "invalid": "must be a time in ISO 8601, such as 2026-01-31T12:00:00+00:00"
    }

    def strptime(self, value: str, format: str) -> datetime:
        moment: datetime = super().strptime(_LOST_PLUS.sub("+", value), format)
        return moment


class TimeFilter(filters.DateTimeFilter):  # type: ignore[misc]  # django-filter is untyped
    field_class = TimeField


def choice(field: str, values: list[str]) -> filters.ChoiceFilter:
    """Return a filter that names what is allowed."""
    shown = ", ".join(value or '""' for value in values)
    return filters.ChoiceFilter(
        field_name=field,
        choices=[(value, value) for value in values],
        error_messages={"invalid_choice": f"must be one of {shown}"},
    )


def _by_live(queryset: "QuerySet[Any]", name: str, value: str) -> "QuerySet[Any]":
    return queryset.filter(live=value == "true")


def _by_symbol(queryset: "QuerySet[Any]", name: str, symbol: str) -> "QuerySet[Any]":
    # The ledger may hold symbols that are served no more.
    found = queryset.filter(symbol=symbol)
    served = {*settings.FORECAST_SYMBOLS, *settings.SIGNAL_SYMBOLS}
    if symbol not in served and not queryset.model._default_manager.filter(symbol=symbol).exists():
        raise UnservedSymbolError(f"{symbol} is not served here, and the ledger has nothing of it")
    return found


class LedgerFilter(filters.FilterSet):  # type: ignore[misc]  # django-filter is untyped
    """What every ledger can be asked for. `from` is inclusive, `to` exclusive."""

    symbol = SymbolFilter(method=_by_symbol)
    venue = filters.CharFilter()
    live = filters.ChoiceFilter(
        choices=[("true", "true"), ("false", "false")],
        method=_by_live,
        error_messages={"invalid_choice": "must be true or false"},
    )
    model_version = filters.CharFilter()
    to = TimeFilter(field_name="predicted_at", lookup_expr="lt")

    @classmethod
    def get_filters(cls) -> dict[str, filters.Filter]:
        declared: dict[str, filters.Filter] = super().get_filters()
        # `from` is a word of Python's own and cannot be written above.
        declared["from"] = TimeFilter(field_name="predicted_at", lookup_expr="gte")
        return declared

    def is_valid(self) -> bool:
        allowed = [*self.filters, *PAGING]
        for name in self.data:
            if name not in allowed:
                raise InvalidParameterError(
                    f"{name[:40]} is not a parameter; allowed are {', '.join(sorted(allowed))}"
                )
        refuse_repeated(self.data)
        valid: bool = super().is_valid()
        return valid


class ForecastFilter(LedgerFilter):
    """Filters of the forecasts' ledger."""

    source = choice("source", [source.value for source in Source])
    reason = choice("reason", [reason.value for reason in Reason if reason])

    class Meta:
        model = Forecast
        fields = ()


class SignalFilter(LedgerFilter):
    """Filters of the signals' ledger."""

    timeframe = choice("timeframe", [timeframe.value for timeframe in SIGNAL_TIMEFRAMES])
    direction = choice("direction", [direction.value for direction in Direction])
    reason = choice("reason", [reason.value for reason in SignalReason if reason])

    class Meta:
        model = Signal
        fields = ()
