"""Numbers and times in templates, written as the scripts write them; unknown is an en dash.

A price stands with its exact value, so that the page's script can write it in the coin's own tick
size; a time stands in UTC until the script writes it in the user's zone.
"""

import math
from decimal import ROUND_HALF_UP, Decimal

from django import template
from django.utils.html import format_html
from django.utils.safestring import SafeString

from predictions.moments import moment

register = template.Library()

UNKNOWN = "–"
MINUS = "−"
_SECOND_MS, _MINUTE_MS = 1_000, 60_000
_HOUR_MINUTES, _DAY_MINUTES = 60, 1_440
_ALL_DIGITS = 1e15
"""A larger number has no decimals."""


@register.filter
def price(value: float | None) -> str | SafeString:
    """Write a price in about six significant digits, at least cents."""
    if value is None:
        return UNKNOWN
    text = fixed(value, price_digits(value))
    return format_html('<data class="price" value="{}">{}</data>', repr(value), text)


def price_digits(value: float) -> int:
    """Return the decimals of a price whose tick size is not known."""
    size = math.floor(math.log10(abs(value))) if value else 3
    return min(8, max(2, 5 - size))


@register.filter
def fixed(value: float | None, digits: int = 2) -> str:
    """Write a number with so many decimals."""
    return UNKNOWN if value is None else _rounded(value, digits).replace("-", MINUS)


@register.filter
def signed(value: float | None, digits: int = 2) -> str:
    """Write a number with its sign."""
    if value is None:
        return UNKNOWN
    text = _rounded(abs(value), digits)
    if not any(digit in text for digit in "123456789"):
        return f"±{text}"
    return f"{'+' if value > 0 else MINUS}{text}"


@register.filter
def percent(share: float | None, digits: int = 1) -> str:
    """Write a share in percent."""
    return UNKNOWN if share is None else f"{fixed(share * 100, digits)} %"


@register.filter
def share(value: float | None) -> str:
    """Write a signed share in percent."""
    return UNKNOWN if value is None else f"{signed(value * 100)} %"


@register.filter
def bp(value: float | None) -> str:
    """Write signed basis points."""
    return UNKNOWN if value is None else f"{signed(value)} bp"


@register.filter
def significant(value: float | None, digits: int = 4) -> str:
    """Write a number of any size with so many significant digits."""
    if value is None:
        return UNKNOWN
    if value == 0:
        return "0"
    size = math.floor(math.log10(abs(value)))
    if size < -6:
        return f"{value:.{digits - 1}e}".replace("-", MINUS)
    return fixed(value, max(0, digits - 1 - size))


@register.filter
def span(time_ms: float | None) -> str:
    """Write a length of time in its two largest units."""
    if time_ms is None:
        return UNKNOWN
    if abs(time_ms) < _SECOND_MS:
        return f"{fixed(time_ms, 0)} ms"
    if abs(time_ms) < _MINUTE_MS:
        return f"{fixed(time_ms / _SECOND_MS, 1).removesuffix('.0')} s"
    return minutes(time_ms / _MINUTE_MS)


@register.filter
def minutes(value: float | None) -> str:
    """Write minutes in the two largest units."""
    if value is None:
        return UNKNOWN
    whole = round(value)
    if whole < _HOUR_MINUTES:
        return f"{whole} min"
    if whole < _DAY_MINUTES:
        return f"{whole // _HOUR_MINUTES} h {whole % _HOUR_MINUTES} min"
    return f"{whole // _DAY_MINUTES} d {whole % _DAY_MINUTES // _HOUR_MINUTES} h"


@register.filter(name="moment")
def written_moment(time_ms: int | None, style: str = "dateClock") -> str | SafeString:
    """Write market time in ms; style: one of `js/shell/times.js`."""
    if time_ms is None:
        return UNKNOWN
    at = moment(int(time_ms))
    return format_html(
        '<time datetime="{}" data-style="{}">{} UTC</time>',
        at.isoformat(timespec="milliseconds"),
        style,
        f"{at:%Y-%m-%d %H:%M:%S}",
    )


def _rounded(value: float, digits: int) -> str:
    if not abs(value) < _ALL_DIGITS:
        return f"{value:,.{digits}f}"
    # As scripts do: what lies halfway goes away from zero.
    exact = Decimal(value).quantize(Decimal(1).scaleb(-digits), ROUND_HALF_UP)
    return f"{exact:,.{digits}f}"
