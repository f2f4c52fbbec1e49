"""Books and tapes as any feed may write them, and what is new in them."""

import json
from typing import Any

import pytest

from dashboard.depth import BOOK_FIELDS, Depth


def raw(**fields: Any) -> list[str | None]:
    return [fields.get(name) for name in BOOK_FIELDS]


def trade(number: int) -> dict[str, Any]:
    return {"ts": number, "price": 1.5, "size": 2, "side": "buy", "id": number}


def tape(*numbers: int) -> str:
    return json.dumps([trade(number) for number in numbers])


def book(depth: Depth) -> Any:
    return json.loads(depth.book)


def test_depth_of_levels_holds_twenty_a_side() -> None:
    levels = json.dumps([[100 - n, 1] for n in range(30)])
    depth = Depth().followed_by(raw(ts="7", bids=levels, asks="[[101, 2.5]]"), None)
    assert book(depth)["ts"] == 7
    assert len(book(depth)["bids"]) == 20
    assert book(depth)["asks"] == [[101, 2.5]]


def test_depth_without_levels_is_the_best_prices() -> None:
    depth = Depth().followed_by(raw(bid="9", bid_size="1", ask="10", ask_size="2"), None)
    assert book(depth) == {"ts": None, "bids": [[9.0, 1.0]], "asks": [[10.0, 2.0]]}


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"bids": "no json", "asks": "{}"},
        {"bids": '[["a", 1], [1], [1, true], [null, 2]]', "asks": "[]"},
        {"bid": "nan", "bid_size": "1", "ask": "10"},
    ],
)
def test_depth_of_what_cannot_be_read_is_null(fields: dict[str, str]) -> None:
    assert book(Depth().followed_by(raw(**fields), None)) is None


def test_depth_tells_each_new_trade_once_oldest_first() -> None:
    first = Depth().followed_by(raw(), tape(3, 2, 1))
    second = first.followed_by(raw(), tape(5, 4, 3, 2))
    assert [json.loads(text)["id"] for text in second.newer_trades(first)] == [4, 5]
    assert second.followed_by(raw(), tape(5, 4, 3, 2)).newer_trades(second) == []


def test_depth_whose_tape_has_gone_on_far_tells_what_is_left_of_it() -> None:
    first = Depth().followed_by(raw(), tape(3, 2, 1))
    later = first.followed_by(raw(), tape(99, 98))
    assert [json.loads(text)["id"] for text in later.newer_trades(first)] == [98, 99]


def test_depth_of_a_longer_tape_holds_its_newest_fifty() -> None:
    depth = Depth().followed_by(raw(), tape(*range(80, 0, -1)))
    assert [json.loads(text)["id"] for text in depth.trades or ()] == [*range(80, 30, -1)]


def test_depth_without_a_tape_has_null_trades() -> None:
    assert Depth().followed_by(raw(), None).trades is None
    assert Depth().followed_by(raw(), tape(1)).followed_by(raw(), None).trades is None
