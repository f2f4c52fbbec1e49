"""The simulated exchange's own order book, against a plain list of orders."""

from hypothesis import given
from hypothesis import strategies as st

from market.feeds.simulated.book import LimitOrderBook, Side

Step = tuple[bool, int, int]
steps = st.lists(st.tuples(st.booleans(), st.integers(0, 3), st.integers(1, 50)), max_size=80)


@given(steps=steps)
def test_limit_order_book_matches_a_plain_list_of_orders(steps: list[Step]) -> None:
    book = LimitOrderBook()
    plain: list[list[int]] = []  # tick, size of each bid, in order of arrival
    for is_order, tick, size in steps:
        before = book.update_id
        if is_order:
            book.place(book.bids, 100 + tick, size)
            plain.append([100 + tick, size])
            assert book.update_id == before + 1
            continue
        expected: list[tuple[int, int]] = []
        for order in sorted(plain, key=lambda order: -order[0]):
            filled = min(size - sum(fill for _, fill in expected), order[1])
            if filled:
                order[1] -= filled
                expected.append((order[0], filled))
        plain = [order for order in plain if order[1]]
        assert book.take(book.bids, size, keep_levels=0) == expected
        assert book.update_id == before + len(expected)
    totals: dict[int, int] = {}
    for tick, size in plain:
        totals[tick] = totals.get(tick, 0) + size
    assert book.bids.sizes == totals
    assert book.bids.ticks == sorted(totals)


def test_side_cancelled_or_withdrawn_orders_are_gone_once() -> None:
    side = Side(buys=False)
    side.add(1, 10, 5)
    side.add(2, 10, 7)
    side.add(3, 12, 9)

    assert side.cancel(0)
    assert (side.best, side.sizes[10]) == (10, 7)
    side.withdraw(10)
    assert (side.best, side.ticks) == (12, [12])
    # Order 2 went with its price: what is left of it in the list is found out and dropped.
    assert sorted(side.cancel(0) for _ in range(2)) == [False, True]
    assert side.orders == [] and side.ticks == []
