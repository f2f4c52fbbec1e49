"""Answers about signals: what agrees, how long an encoded answer holds, what the ETag sees."""

import json
from typing import Any

import pytest

from inference.signals.signal import Signal, SignalState
from inference.vocabulary import Direction
from market.candles.timeframes import Timeframe
from predictions.api import signal_answers
from predictions.api.signal_answers import agreement, list_answer, summary_answer
from predictions.api.signal_board import Contents
from tests.signals import VENUE, signal

MADE_MS = 1_766_927_700_000
BEFORE_MS = MADE_MS - Timeframe.M15.ms
M15 = Timeframe.M15
LONG, SHORT, NO_TRADE = Direction.LONG, Direction.SHORT, Direction.NO_TRADE


def contents(*said: Signal) -> Contents:
    states = {(each.symbol, each.timeframe): SignalState(signal=each) for each in said}
    return Contents(VENUE, False, (), states)


def two() -> Contents:
    return contents(signal("BTCUSDT", at_ms=MADE_MS), signal("ETHUSDT", at_ms=BEFORE_MS))


@pytest.mark.parametrize(
    ("said", "direction", "share"),
    [
        ([LONG, LONG, LONG, LONG], LONG, 1.0),
        ([LONG, LONG, SHORT, NO_TRADE], LONG, 0.5),
        ([SHORT, NO_TRADE, NO_TRADE, NO_TRADE], SHORT, 0.25),
        ([LONG, LONG, SHORT, SHORT], None, 0.5),
        ([LONG, SHORT, NO_TRADE], None, 1 / 3),
        ([SHORT, SHORT, LONG], SHORT, 2 / 3),
        ([NO_TRADE, NO_TRADE], None, None),
        ([], None, None),
    ],
)
def test_agreement_is_the_share_of_the_more_frequent_side(
    said: list[Direction], direction: Direction | None, share: float | None
) -> None:
    assert agreement(said) == (direction, share)


def test_answer_unchanged_is_encoded_once_and_shows_the_time_asked() -> None:
    held = two()
    first = list_answer(held, M15, ("BTCUSDT", "ETHUSDT"), MADE_MS)
    again = list_answer(held, M15, ("BTCUSDT", "ETHUSDT"), MADE_MS + 60_000)

    assert again is first
    bodies = [json.loads(first.body(MADE_MS)), json.loads(first.body(MADE_MS + 60_250))]
    times = [body.pop("timestamp") for body in bodies]
    assert times == ["2025-12-28T13:15:00+00:00", "2025-12-28T13:16:00.250+00:00"]
    assert bodies[0] == bodies[1]


def test_answer_expires_coin_by_coin_and_each_time_its_etag_changes() -> None:
    held = two()
    symbols = ("BTCUSDT", "ETHUSDT")
    older_end_ms, end_ms = BEFORE_MS + 120_000, MADE_MS + 120_000
    moments = (BEFORE_MS, older_end_ms - 1, older_end_ms, end_ms - 1, end_ms)
    answers = [list_answer(held, M15, symbols, now) for now in moments]

    shown: list[Any] = [
        [item["expired"] for item in json.loads(answer.body(0))["predictions"]]
        for answer in answers
    ]
    assert shown == [[False, False], [False, False], [False, True], [False, True], [True, True]]
    tags = [answer.etag for answer in answers]
    assert tags[0] == tags[1] != tags[2] == tags[3] != tags[4] != tags[0]


def test_answer_market_time_that_goes_back_is_not_expired_any_more() -> None:
    held = two()
    late = list_answer(held, M15, ("BTCUSDT",), MADE_MS + 200_000)
    back = list_answer(held, M15, ("BTCUSDT",), MADE_MS)

    assert json.loads(late.body(0))["predictions"][0]["expired"] is True
    assert json.loads(back.body(0))["predictions"][0]["expired"] is False


def test_answers_of_equal_contents_in_two_processes_have_one_etag() -> None:
    first, second = (list_answer(two(), M15, ("BTCUSDT",), MADE_MS) for _ in range(2))

    assert first.etag == second.etag


def test_answers_kept_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(signal_answers, "MOST_ANSWERS", 3)
    said = [signal(f"COIN{index}USDT", at_ms=MADE_MS) for index in range(10)]
    held = contents(*said)
    for each in said:
        list_answer(held, M15, (each.symbol,), MADE_MS)

    assert len(held.answers) <= 3


def test_summary_and_list_of_one_reading_are_not_confused() -> None:
    held = contents(signal("BTCUSDT", at_ms=MADE_MS))
    listed = list_answer(held, M15, ("BTCUSDT",), MADE_MS)
    summed = summary_answer(held, "BTCUSDT", (M15,), MADE_MS)

    assert "agreement" not in json.loads(listed.body(0))
    assert json.loads(summed.body(0))["agreement"] == 1.0
