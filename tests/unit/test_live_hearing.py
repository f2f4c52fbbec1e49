"""What is passed on of what was heard: once, in order, while a symbol may speak."""

from collections import Counter

import pytest

from market.events import Disconnected, Heartbeat
from market.feeds.live.cells import Cells
from market.feeds.live.hearing import HeardOver, Hearing
from market.feeds.live.link import Stream
from tests.live_links import BTC, ETH, NS, START_NS, book, diff, ticker, trade


class Ear:
    """A hearing with one connection, and all that it passed on."""

    def __init__(self, *, sequenced: bool = True) -> None:
        self.counters: Counter[str] = Counter()
        self.faults: Counter[str] = Counter()
        self.cells = Cells(START_NS, (BTC, ETH), self.counters)
        self.hearing = Hearing(
            (BTC, ETH), self.cells, self.counters, self.faults, sequenced=sequenced
        )
        self.sink = HeardOver(self.hearing, START_NS)
        self.hearing.speak((BTC,), START_NS)

    def told(self):
        self.cells.pass_to(self.cells.until_ns + 1)
        self.cells.close()
        return [event for batch in self.cells.batches() for event in batch.events]


@pytest.fixture
def ear() -> Ear:
    return Ear()


@pytest.mark.parametrize(
    ("events", "stream"),
    [
        ([trade(1, START_NS), trade(1, START_NS), trade(2, START_NS)], Stream.TRADES),
        ([ticker(1, START_NS), ticker(1, START_NS), ticker(2, START_NS)], Stream.TOP),
        ([diff(1, 4, START_NS), diff(3, 4, START_NS), diff(5, 6, START_NS)], Stream.DEPTH),
    ],
)
def test_event_heard_over_two_connections_is_passed_on_once(ear, events, stream):
    for event in events:
        ear.sink.event(event, stream)
    assert ear.told() == [events[0], events[2]]
    assert ear.counters["duplicates"] == 1
    assert ear.counters["gaps"] == 0


def test_diff_that_follows_no_other_is_counted_as_a_gap(ear):
    for event in (diff(1, 4, START_NS), diff(6, 7, START_NS)):
        ear.sink.event(event, Stream.DEPTH)
    assert ear.counters["gaps"] == 1


def test_tickers_without_a_sequence_are_all_passed_on():
    ear = Ear(sequenced=False)
    for _ in range(2):
        ear.sink.event(ticker(0, START_NS), Stream.TOP)
    assert len(ear.told()) == 2


def test_symbol_whose_connection_is_not_there_says_nothing(ear):
    ear.sink.event(trade(1, START_NS, ETH), Stream.TRADES)
    ear.sink.event(trade(1, START_NS, "XRPUSDT"), Stream.TRADES)
    assert ear.told() == []
    assert ear.counters["unheard"] == 2


def test_symbol_that_falls_silent_is_disconnected_once_and_begins_anew(ear):
    ear.sink.event(trade(9, START_NS), Stream.TRADES)
    for _ in range(2):
        ear.hearing.silence((BTC, ETH), START_NS)
    ear.sink.event(trade(10, START_NS), Stream.TRADES)
    ear.hearing.speak((BTC,), START_NS)
    ear.sink.event(trade(3, START_NS), Stream.TRADES)  # numbered anew
    assert [type(each).__name__ for each in ear.told()] == ["Trade", "Disconnected", "Trade"]


def test_mistrusted_symbol_breaks_and_goes_on_speaking(ear):
    era = ear.hearing.symbols[BTC].era
    ear.hearing.mistrust(BTC, START_NS)
    ear.sink.event(diff(1, 2, START_NS), Stream.DEPTH)
    assert next(type(each) for each in ear.told()) is Disconnected
    assert ear.hearing.symbols[BTC].era == era + 1


def test_beat_speaks_for_silent_symbols_alone(ear):
    ear.hearing.speak((ETH,), START_NS)
    later = START_NS + 2 * NS
    ear.sink.event(trade(1, later), Stream.TRADES)
    ear.hearing.beat((BTC, ETH, "XRPUSDT"), later)
    told = ear.told()
    assert [event.symbol for event in told if isinstance(event, Heartbeat)] == [ETH]


def test_snapshot_that_was_asked_for_is_passed_on(ear):
    ear.hearing.anchor(book(7, START_NS))
    assert ear.told() == [book(7, START_NS)]
    assert ear.hearing.symbols[BTC].anchor_id == 7


def test_faults_are_counted_by_kind(ear):
    ear.sink.fault("malformed")
    ear.sink.fault("malformed", BTC)
    assert ear.faults == {"malformed": 2}
