"""What `/api/accuracy` may be asked for: each parameter, and what it allows."""

from typing import Any

from django import forms
from django.conf import settings
from django.core.validators import MaxValueValidator, MinValueValidator
from django.http import QueryDict

from inference.vocabulary import ENGINES, FORECASTS, Role, Source
from market.candles.timeframes import SIGNAL_TIMEFRAMES
from predictions.accuracy.costs import Costs, CostsError
from predictions.accuracy.questions import ForecastQuestion
from predictions.accuracy.report import FORECAST_GROUPINGS, SIGNAL_GROUPINGS, Asked
from predictions.accuracy.signal_rows import SignalQuestion
from predictions.accuracy.windows import ROLLINGS
from predictions.api.errors import InvalidParameterError
from predictions.api.filter_fields import SymbolField, TimeField, values_of
from predictions.api.filters import refuse_unknown
from predictions.api.signal_queries import refuse_others
from predictions.models import Forecast, Signal
from predictions.moments import milliseconds

MOST_LAST = 100_000
MOST_DAYS = 3_650
MOST_GROUPINGS = 2
_NO_NUMBER = "must be a number"


def _one_of(values: tuple[str, ...]) -> forms.ChoiceField:
    return forms.ChoiceField(
        required=False,
        choices=[(value, value) for value in values],
        error_messages={"invalid_choice": f"must be one of {', '.join(values)}"},
    )


def _whole(most: int) -> forms.IntegerField:
    told = f"must be from 1 to {most}"
    return forms.IntegerField(
        required=False,
        validators=[MinValueValidator(1, told), MaxValueValidator(most, told)],
        error_messages={"invalid": "must be a whole number"},
    )


def _number() -> forms.FloatField:
    return forms.FloatField(required=False, error_messages={"invalid": _NO_NUMBER})


class AccuracyForm(forms.Form):
    """All parameters; which of them an engine takes is said in ONLY."""

    engine = _one_of(ENGINES)
    symbol = SymbolField(required=False)
    timeframe = _one_of(tuple(each.value for each in SIGNAL_TIMEFRAMES))
    venue = forms.CharField(required=False, max_length=96)
    model_version = forms.CharField(required=False, max_length=96)
    role = _one_of(tuple(each.value for each in Role))
    source = _one_of(tuple(each.value for each in Source))
    to = TimeField(required=False)
    last = _whole(MOST_LAST)
    days = _whole(MOST_DAYS)
    by = forms.CharField(required=False)
    series = _one_of(ROLLINGS)
    fee_bp = _number()
    latency_ms = forms.IntegerField(
        required=False, error_messages={"invalid": "must be a whole number of ms"}
    )
    slippage_bp = _number()


# `from` is a word of Python's own and cannot be written above.
AccuracyForm.base_fields["from"] = TimeField(required=False)

ONLY = {"timeframe": "signals", "source": "forecasts"}
COSTS = ("fee_bp", "latency_ms", "slippage_bp")


def read_query(query: QueryDict) -> dict[str, Any]:
    """Return the parameters' values; what was not given is None.

    Raises InvalidParameterError naming the parameter and what is allowed.
    """
    refuse_others(query, sorted(AccuracyForm.base_fields))
    values = values_of(AccuracyForm(query))
    values["engine"] = values["engine"] or FORECASTS
    for name, engine in ONLY.items():
        if values[name] is not None and values["engine"] != engine:
            raise InvalidParameterError(f"{name}: only {engine} have one; ask for engine={engine}")
    if values["last"] is not None and (values["from"] or values["to"]):
        raise InvalidParameterError("last: takes neither from nor to beside it")
    if values["days"] is not None and (values["from"] or values["to"] or values["last"]):
        raise InvalidParameterError("days: takes neither from, to nor last beside it")
    if values["from"] and values["to"] and values["from"] > values["to"]:
        raise InvalidParameterError("from: must not be after to")
    _check_grouping(values)
    return values


def question(values: dict[str, Any], venue: str) -> Asked:
    """Return what is asked about a venue.

    Asks the database about a symbol that is not served. Raises InvalidParameterError and
    UnservedSymbolError; a venue or version of which there is nothing has an empty record.
    """
    costs = _costs(values)
    if values["symbol"] is not None:
        model = Forecast if values["engine"] == FORECASTS else Signal
        refuse_unknown(model, (values["symbol"],))
    window = {
        "from_ms": None if values["from"] is None else milliseconds(values["from"]),
        "to_ms": None if values["to"] is None else milliseconds(values["to"]),
        "last": values["last"],
    }
    shared = {name: values[name] for name in ("symbol", "model_version", "role")} | window
    asked: ForecastQuestion | SignalQuestion
    if values["engine"] == FORECASTS:
        asked = ForecastQuestion(venue, source=values["source"], **shared)
    else:
        asked = SignalQuestion(venue, timeframe=values["timeframe"], **shared)
    return Asked(asked, values["by"], values["series"], values["days"], costs)


def _check_grouping(values: dict[str, Any]) -> None:
    allowed = FORECAST_GROUPINGS if values["engine"] == FORECASTS else SIGNAL_GROUPINGS
    if values["by"] is None:
        return
    asked = values["by"].split(",")
    if not set(asked) <= set(allowed):
        raise InvalidParameterError(
            f"by: must be one of {', '.join(allowed)} for {values['engine']}, or two of them with "
            "a comma between"
        )
    if len(asked) > MOST_GROUPINGS or len(set(asked)) < len(asked):
        raise InvalidParameterError("by: takes one grouping, or two different ones")
    if len(asked) > 1 and "band" in asked and values["engine"] == FORECASTS:
        raise InvalidParameterError("by: band of forecasts stands alone")


def _costs(values: dict[str, Any]) -> Costs | None:
    if all(values[name] is None for name in COSTS):
        return None
    fee = settings.FEE_BP if values["fee_bp"] is None else values["fee_bp"]
    try:
        return Costs(fee, values["latency_ms"] or 0, values["slippage_bp"] or 0.0)
    except CostsError as error:
        raise InvalidParameterError(str(error)) from error
