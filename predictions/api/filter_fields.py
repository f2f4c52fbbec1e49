"""Query values: how each kind is read, and how it is refused.

Read by `predictions.api.filters`, and by the forms of addresses that are no list of the ledger.
"""

import re
from datetime import UTC, datetime
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django_filters import rest_framework as filters
from django_filters.fields import IsoDateTimeField

from market.symbols import UnknownSymbolError, parse_symbol
from predictions.api.errors import InvalidParameterError

_LOST_PLUS = re.compile(r" (?=\d\d:?\d\d$)")
"""A `+` in a query arrives as a space; before an offset nothing else can be meant."""

_SHARE = "must be a number from 0 to 1"


class SymbolField(forms.CharField):
    """A symbol in any of its spellings."""

    def clean(self, value: Any) -> str:
        text = super().clean(value)
        return _symbol(text) if text else ""


class SymbolsField(forms.CharField):
    """Symbols in any of their spellings, separated by commas."""

    def clean(self, value: Any) -> Any:
        text = super().clean(value)
        parts = [part for part in text.split(",") if part.strip()]
        if text and not parts:
            raise ValidationError("names no symbol; write some, such as BTCUSDT,ETHUSDT")
        return tuple(dict.fromkeys(_symbol(part) for part in parts))


class TimeField(IsoDateTimeField):  # type: ignore[misc]  # django-filter is untyped
    """A moment in ISO 8601; without an offset it is UTC."""

    default_error_messages = {
        "invalid": "must be a time in ISO 8601, such as 2026-01-31T12:00:00+00:00"
    }

    def strptime(self, value: str, format: str) -> datetime:
        moment: datetime = super().strptime(_LOST_PLUS.sub("+", value), format)
        return moment

    def to_python(self, value: Any) -> datetime | None:
        moment: datetime | None = super().to_python(value)
        try:
            return moment and moment.astimezone(UTC)
        except OverflowError as error:
            # In UTC its year is not one from 1 to 9999.
            raise ValidationError(self.error_messages["invalid"], code="invalid") from error


class ShareField(forms.FloatField):
    """A number from 0 to 1."""

    default_error_messages = {"invalid": _SHARE}
    default_validators = [MinValueValidator(0, _SHARE), MaxValueValidator(1, _SHARE)]


class SymbolFilter(filters.CharFilter):  # type: ignore[misc]  # django-filter is untyped
    field_class = SymbolField


class SymbolsFilter(filters.CharFilter):  # type: ignore[misc]  # django-filter is untyped
    field_class = SymbolsField


class TimeFilter(filters.DateTimeFilter):  # type: ignore[misc]  # django-filter is untyped
    field_class = TimeField


class ShareFilter(filters.NumberFilter):  # type: ignore[misc]  # django-filter is untyped
    field_class = ShareField

    def get_max_validator(self) -> None:
        return None


def choice(field: str, values: list[str], **options: Any) -> filters.ChoiceFilter:
    """Return a filter that names what is allowed."""
    shown = ", ".join(value or '""' for value in values)
    return filters.ChoiceFilter(
        field_name=field,
        choices=[(value, value) for value in values],
        error_messages={"invalid_choice": f"must be one of {shown}"},
        **options,
    )


def yes_or_no(field: str, **options: Any) -> filters.TypedChoiceFilter:
    """Return a filter that takes true or false, in any lookup of `field`."""
    return filters.TypedChoiceFilter(
        field_name=field,
        choices=[("true", "true"), ("false", "false")],
        coerce=lambda text: text == "true",
        error_messages={"invalid_choice": "must be true or false"},
        **options,
    )


def values_of(form: forms.Form) -> dict[str, Any]:
    """Return a form's values; what was not given is None.

    Raises InvalidParameterError naming the parameter and what is allowed.
    """
    if not form.is_valid():
        told = "; ".join(f"{name}: {' '.join(map(str, why))}" for name, why in form.errors.items())
        raise InvalidParameterError(told)
    return {name: None if each == "" else each for name, each in form.cleaned_data.items()}


def _symbol(text: str) -> str:
    try:
        return parse_symbol(text)
    except UnknownSymbolError as error:
        raise ValidationError(str(error)) from error
