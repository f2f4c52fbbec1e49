"""Whom a live market is asked of, in what order and for how long; when `auto` does without."""

from collections.abc import Callable
from pathlib import Path

import pytest

from market.exchanges import SUPPORTED, Exchange, auto_order
from market.feed_state import Outage, Tried
from market.feeds import FeedError, choosing
from market.feeds.choosing import (
    Found,
    Independence,
    NobodyAnswers,
    ask_in_turn,
    find_exchange,
)
from market.feeds.live.asking import StoppedError
from market.feeds.live.link import LinkError
from market.feeds.live.markets import Markets
from market.listings import Listing, SymbolStatus

AUTO = auto_order("binance")
KRAKEN = (SUPPORTED["kraken"],)


def markets(exchange: str = "kraken") -> Markets:
    return Markets(
        exchange, ("BTCUSDT",), {"BTCUSDT": Listing("BTCUSDT", SymbolStatus.TRADING)}, 1.0
    )


class Asked:
    """Answers as it is told to; remembers who was asked, and for how long."""

    def __init__(self, *answers: Callable[[], Markets]) -> None:
        self._answers = list(answers)
        self.names: list[str] = []
        self.seconds: list[float] = []

    def __call__(self, exchange: Exchange, seconds: float) -> Markets:
        self.names.append(exchange.name)
        self.seconds.append(seconds)
        return self._answers.pop(0)()


def refuses(message: str, wait_seconds: float | None = None) -> Callable[[], Markets]:
    def answer() -> Markets:
        raise LinkError(message, wait_seconds)

    return answer


def lists_nothing() -> Markets:
    raise FeedError("lists none of them")


def stopped() -> Markets:
    raise StoppedError


class Waiting:
    """Goes on until it has been told of `rounds` outages."""

    def __init__(self, rounds: int = 100) -> None:
        self._rounds = rounds
        self.outages: list[Outage] = []

    def going_on(self) -> bool:
        return len(self.outages) < self._rounds

    def down(self, outage: Outage) -> None:
        self.outages.append(outage)


def test_ask_in_turn_takes_the_first_that_answers_and_tells_what_others_said() -> None:
    ask = Asked(refuses("no route"), lists_nothing, lambda: markets("coinbase"))
    answer = ask_in_turn(AUTO, ask)
    assert isinstance(answer, Found)
    assert answer.exchange is SUPPORTED["coinbase"]
    assert answer.tried == (
        Tried("binance", "no route"),
        Tried("binance-public", "lists none of them"),
    )
    assert ask.names == ["binance", "binance-public", "coinbase"]


def test_ask_in_turn_shares_ten_seconds_and_hands_on_what_is_left() -> None:
    ask = Asked(*[refuses("down")] * 4)
    answer = ask_in_turn(AUTO, ask)
    assert isinstance(answer, NobodyAnswers)
    assert [round(each, 1) for each in ask.seconds] == [2.5, 3.3, 5.0, 10.0]


def test_the_only_exchange_without_a_wanted_symbol_needs_a_person() -> None:
    with pytest.raises(FeedError, match="lists none"):
        find_exchange(KRAKEN, Asked(lists_nothing), Waiting(), may_do_without=False)


def test_find_exchange_waits_and_asks_again_until_one_answers(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(choosing, "FIRST_WAIT_SECONDS", 0.001)
    waiting = Waiting()
    ask = Asked(refuses("down"), refuses("still down"), markets)
    answer = find_exchange(KRAKEN, ask, waiting, may_do_without=False)
    assert isinstance(answer, Found)
    assert [each.tried[0].error for each in waiting.outages] == ["down", "still down"]
    first, second = waiting.outages
    assert first.since_ms == second.since_ms
    assert first.again_ms is not None and first.again_ms > first.since_ms


def test_find_exchange_leaves_an_exchange_alone_for_as_long_as_it_asks() -> None:
    waiting = Waiting(rounds=1)
    answer = find_exchange(KRAKEN, Asked(refuses("418", 300.0)), waiting, may_do_without=False)
    assert answer is None
    (outage,) = waiting.outages
    assert outage.again_ms is not None
    assert outage.again_ms - outage.since_ms >= 300_000


def test_find_exchange_that_may_do_without_asks_each_once() -> None:
    ask = Asked(*[refuses("down")] * 4)
    waiting = Waiting()
    answer = find_exchange(AUTO, ask, waiting, may_do_without=True)
    assert isinstance(answer, NobodyAnswers)
    assert [each.exchange for each in answer.tried] == [each.name for each in AUTO]
    assert not waiting.outages


def test_find_exchange_told_to_stop_while_asking_ends_without_an_answer() -> None:
    assert find_exchange(KRAKEN, Asked(stopped), Waiting(), may_do_without=False) is None


def test_auto_simulates_only_where_never_live_and_nobody_listens(tmp_path: Path) -> None:
    marker = tmp_path / "var" / "been_live"
    assert Independence(marker).may_simulate
    assert not Independence(marker, ("API_TOKEN",)).may_simulate
    Independence(marker).mark_live()
    assert not Independence(marker).may_simulate
