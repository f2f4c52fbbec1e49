"""Numbers and times as the server writes them into pages."""

from collections.abc import Callable

import pytest

from dashboard.templatetags import figures


@pytest.mark.parametrize(
    "write",
    [
        figures.price, figures.fixed, figures.signed, figures.percent, figures.share, figures.bp,
        figures.significant, figures.span, figures.minutes, figures.written_moment,
    ],
)  # fmt: skip
def test_figure_of_the_unknown_is_a_dash(write: Callable[[None], str]) -> None:
    assert write(None) == "–"


@pytest.mark.parametrize(
    ("value", "text"),
    [(61_690.125, "61,690.13"), (0.00001234, "0.00001234"), (0.0, "0.00"), (1.5, "1.50000")],
)
def test_price_keeps_its_exact_value_beside_six_digits(value: float, text: str) -> None:
    assert figures.price(value) == f'<data class="price" value="{value!r}">{text}</data>'


@pytest.mark.parametrize(
    ("value", "text"), [(1.234, "+1.23"), (-1.234, "−1.23"), (0.0, "±0.00"), (-0.001, "±0.00")]
)
def test_signed_number_that_rounds_to_nothing_has_no_direction(value: float, text: str) -> None:
    assert figures.signed(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0"), (123_456.0, "123,456"), (12.3456, "12.35"), (-0.00012345, "−0.0001234"),
        (1.5e-9, "1.500e−09"),
    ],
)  # fmt: skip
def test_significant_digits_suit_any_size(value: float, text: str) -> None:
    assert figures.significant(value) == text


def test_number_halfway_is_rounded_as_scripts_do() -> None:
    assert figures.fixed(46_546.25, 1) == figures.significant(46_546.25, 6) == "46,546.3"
    assert (figures.signed(-0.125), figures.fixed(1e16, 1)) == ("−0.13", "10,000,000,000,000,000.0")


@pytest.mark.parametrize(
    ("time_ms", "text"),
    [
        (0.4, "0 ms"), (999, "999 ms"), (10_000, "10 s"), (1_500, "1.5 s"), (90_000, "2 min"),
        (3_600_000, "1 h 0 min"), (90_000_000, "1 d 1 h"),
    ],
)  # fmt: skip
def test_span_is_written_in_its_largest_units(time_ms: float, text: str) -> None:
    assert figures.span(time_ms) == text


def test_moment_stands_in_utc_for_the_script_to_rewrite() -> None:
    assert figures.written_moment(1_767_225_600_400, "dateMinute") == (
        '<time datetime="2026-01-01T00:00:00.400+00:00" data-style="dateMinute">'
        "2026-01-01 00:00:00 UTC</time>"
    )
