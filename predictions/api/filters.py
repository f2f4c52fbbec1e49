"""What the ledger may be asked for: each parameter, and what it allows."""

from datetime import datetime
from typing import Any, ClassVar

from django.conf import settings
from django.db.models import Q, QuerySet
from django_filters import rest_framework as filters

from inference.vocabulary import (
    Direction,
    OutcomeStatus,
    Reason,
    Role,
    SignalReason,
    SignalResult,
    Source,
)
from market.candles.timeframes import SIGNAL_TIMEFRAMES
from predictions.api.errors import InvalidParameterError, UnservedSymbolError
from predictions.api.filter_fields import (
    ShareFilter,
    SymbolFilter,
    SymbolsFilter,
    TimeFilter,
    choice,
    yes_or_no,
)
from predictions.api.repeated import refuse_repeated
from predictions.as_of import (
    forecast_outcome_known,
    said_by,
    signal_outcome_known,
    with_superseded,
)
from predictions.models import Forecast, Signal
from predictions.moments import milliseconds

PAGING = ("cursor", "limit", "format")
PENDING = "pending"
"""The outcome of a row that has none, or had none by `as_of`."""


def _words(vocabulary: Any) -> list[str]:
    return [word.value for word in vocabulary if word]


class LedgerFilter(filters.FilterSet):  # type: ignore[misc]  # django-filter is untyped
    """What every ledger can be asked for. `from` is inclusive, `to` exclusive."""

    as_of = TimeFilter(
        method="by_as_of",
        help_text="What was said by this moment (market time), outcomes as known then.",
    )
    symbol = SymbolFilter(method="by_symbol")
    symbols = SymbolsFilter(method="by_symbols", help_text="Several, separated by commas.")
    venue = filters.CharFilter()
    live = yes_or_no("live")
    model_version = filters.CharFilter()
    role = choice(
        "role",
        _words(Role),
        help_text="Where neither role nor model_version is given, shadows are left out.",
    )
    min_confidence = ShareFilter(field_name="confidence", lookup_expr="gte")
    late = yes_or_no("late")
    outcome = choice(
        "outcome",
        [*_words(OutcomeStatus), PENDING],
        method="by_outcome",
        help_text="pending: not graded yet, or not known by `as_of`.",
    )
    to = TimeFilter(field_name="predicted_at", lookup_expr="lt")

    paging: ClassVar[tuple[str, ...]] = PAGING

    @classmethod
    def get_filters(cls) -> dict[str, filters.Filter]:
        declared: dict[str, filters.Filter] = super().get_filters()
        # `from` is a word of Python's own and cannot be written above.
        declared["from"] = TimeFilter(field_name="predicted_at", lookup_expr="gte")
        return declared

    def is_valid(self) -> bool:
        allowed = [*self.filters, *self.paging]
        for name in self.data:
            if name not in allowed:
                raise InvalidParameterError(
                    f"{name[:40]} is not a parameter; allowed are {', '.join(sorted(allowed))}"
                )
        refuse_repeated(self.data)
        valid: bool = super().is_valid()
        since, until = (self.form.cleaned_data.get(name) for name in ("from", "to"))
        if since and until and since > until:
            raise InvalidParameterError("from: must not be after to")
        return valid

    @property
    def as_of_ms(self) -> int | None:
        """The moment asked about, in ms; None for now."""
        moment = self.form.cleaned_data["as_of"]
        return None if moment is None else milliseconds(moment)

    def filter_queryset(self, queryset: "QuerySet[Any]") -> "QuerySet[Any]":
        found: QuerySet[Any] = super().filter_queryset(queryset)
        asked = self.form.cleaned_data
        if asked["role"] or asked["model_version"]:
            return found
        # What a version on trial said was published nowhere: only who asks for it gets it.
        return found.exclude(role=Role.SHADOW)

    def outcome_known(self, **values: Any) -> Q:
        """Return the condition that an outcome of these values was known at the moment asked."""
        raise NotImplementedError

    def by_as_of(self, queryset: "QuerySet[Any]", name: str, value: datetime) -> "QuerySet[Any]":
        as_of_ms = self.as_of_ms
        return queryset if as_of_ms is None else said_by(queryset, as_of_ms)

    def by_symbol(self, queryset: "QuerySet[Any]", name: str, symbol: str) -> "QuerySet[Any]":
        refuse_unknown(queryset.model, (symbol,))
        return queryset.filter(symbol=symbol)

    def by_symbols(
        self, queryset: "QuerySet[Any]", name: str, symbols: tuple[str, ...]
    ) -> "QuerySet[Any]":
        refuse_unknown(queryset.model, symbols)
        return queryset.filter(symbol__in=symbols)

    def by_outcome(self, queryset: "QuerySet[Any]", name: str, value: str) -> "QuerySet[Any]":
        if value == PENDING:
            return queryset.exclude(self.outcome_known())
        return queryset.filter(self.outcome_known(status=value))


class ForecastFilter(LedgerFilter):
    """Filters of the forecasts' ledger."""

    source = choice("source", _words(Source))
    reason = choice("reason", _words(Reason))
    direction_hit = yes_or_no("outcome__direction_hit", method="by_hit")

    class Meta:
        model = Forecast
        fields = ()

    def outcome_known(self, **values: Any) -> Q:
        return forecast_outcome_known(self.as_of_ms, **values)

    def by_hit(self, queryset: "QuerySet[Any]", name: str, value: bool) -> "QuerySet[Any]":
        return queryset.filter(self.outcome_known(direction_hit=value))


class SignalFilter(LedgerFilter):
    """Filters of the signals' ledger."""

    timeframe = choice("timeframe", [timeframe.value for timeframe in SIGNAL_TIMEFRAMES])
    direction = choice("direction", _words(Direction))
    reason = choice("reason", _words(SignalReason))
    result = choice("result", _words(SignalResult), method="by_result")
    latest_revision = yes_or_no(
        "latest_revision",
        method="by_revision",
        help_text="true: of each candle only the revision that stands, or stood at `as_of`.",
    )

    class Meta:
        model = Signal
        fields = ()

    def filter_queryset(self, queryset: "QuerySet[Any]") -> "QuerySet[Any]":
        found: QuerySet[Any] = super().filter_queryset(with_superseded(queryset, self.as_of_ms))
        return found

    def outcome_known(self, **values: Any) -> Q:
        return signal_outcome_known(self.as_of_ms, **values)

    def by_result(self, queryset: "QuerySet[Any]", name: str, value: str) -> "QuerySet[Any]":
        return queryset.filter(self.outcome_known(result=value))

    def by_revision(self, queryset: "QuerySet[Any]", name: str, value: bool) -> "QuerySet[Any]":
        return queryset.filter(superseded=not value)


def refuse_unknown(model: Any, symbols: tuple[str, ...]) -> None:
    """Raise UnservedSymbolError for a symbol that is neither served nor in the ledger."""
    served = {*settings.FORECAST_SYMBOLS, *settings.SIGNAL_SYMBOLS}
    for symbol in symbols:
        if symbol in served or model._default_manager.filter(symbol=symbol).exists():
            continue
        raise UnservedSymbolError(f"{symbol} is not served here, and the ledger has nothing of it")
