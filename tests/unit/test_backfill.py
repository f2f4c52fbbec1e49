"""The backfill of candles: what is asked, what is stored, what is remembered."""

import io
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from market.candles.asking import HISTORY
from market.candles.backfilling.absent import AbsentCandles
from market.candles.backfilling.patience import MOST_ATTEMPTS
from market.candles.backfilling.progress import Progress
from market.candles.backfilling.report import as_lines
from market.candles.backfilling.running import BackfillOrder, BackfillRun
from market.candles.series import CandleSeries
from market.candles.store import CandleStore
from market.candles.timeframes import Timeframe
from market.exchanges import SUPPORTED
from market.feeds.live.link import LinkError
from market.listings import Listing, SymbolStatus
from tests.made_candles import START_MS, walk

QUARTER = Timeframe.M15
PAGE = 100
BTC, ETH = "BTCUSDT", "ETHUSDT"


@dataclass
class FakeLink:
    """An exchange with some candles of each symbol, that may refuse now and then."""

    has: dict[str, CandleSeries]
    now_ms: float
    name: str = "binance"
    refusals: list[LinkError] = field(default_factory=list)
    questions: list[tuple[str, int, int]] = field(default_factory=list)
    answers: int | None = None  # then it is interrupted
    newest_of_span: bool = False  # half a page of them, never what lies beyond
    closed: bool = False

    async def server_time_ms(self) -> float:
        return self.now_ms

    async def listings(self) -> dict[str, Listing]:
        return {symbol: Listing(symbol, SymbolStatus.TRADING) for symbol in self.has}

    def candle_page(self, timeframe: Timeframe) -> int:
        return PAGE

    async def candles(
        self, symbol: str, timeframe: Timeframe, since_ms: int, limit: int
    ) -> CandleSeries:
        if self.refusals:
            raise self.refusals.pop(0)
        if len(self.questions) == self.answers:
            raise KeyboardInterrupt
        self.questions.append((symbol, since_ms, limit))
        has = self.has[symbol][self.has[symbol].open_ms >= since_ms]
        if not self.newest_of_span:
            return has[:limit]
        inside = has[has.open_ms < since_ms + limit * timeframe.ms]
        return inside[max(0, len(inside) - PAGE // 2) :]

    async def close(self) -> None:
        self.closed = True


class Run:
    """The backfill of a fake exchange whose newest closed candle is the last that it has."""

    def __init__(self, root: Path, has: dict[str, CandleSeries]) -> None:
        newest_ms = max(int(each.open_ms[-1]) for each in has.values())
        self.link = FakeLink(has, newest_ms + QUARTER.ms + 60_000)
        self.root, self.told = root, io.StringIO()
        self.waits: list[float] = []

    async def __call__(self, symbols: Sequence[str] = (BTC,), **order: Any) -> BackfillRun:
        asked: dict[str, Any] = {"since_ms": START_MS} | order
        run = BackfillRun(
            BackfillOrder(SUPPORTED["binance"], "", self.root, tuple(symbols), (QUARTER,), **asked),
            Progress(self.told),
            self._sleep,
        )
        await run.fetch(lambda exchange, url: self.link)
        return run

    async def _sleep(self, seconds: float) -> None:
        self.waits.append(seconds)

    def stored(self, symbol: str = BTC) -> CandleSeries:
        return CandleStore(self.root).read(("binance",), symbol, QUARTER)


def candles(count: int, seed: int = 1) -> CandleSeries:
    return walk(count, seed=seed, step_ms=QUARTER.ms)


async def test_backfill_of_an_empty_store_brings_everything_page_by_page(tmp_path):
    has = {BTC: candles(250), ETH: candles(250, seed=2)}
    run = Run(tmp_path, has)

    report = await run((BTC, ETH))

    for symbol, expected in has.items():
        stored = run.stored(symbol)
        assert (stored.open_ms == expected.open_ms).all() and (stored.close == expected.close).all()
        assert not stored.provisional.any()
    assert [limit for _, _, limit in run.link.questions] == [100, 100, 50] * 2
    first = report.datasets[0]
    assert (first.lacking, first.added, first.absent, first.gaps) == (250, 250, 0, 0)
    assert first.newest_is_new and first.finished and not report.errors
    assert run.link.closed


async def test_backfill_again_asks_for_nothing_that_is_stored(tmp_path):
    run = Run(tmp_path, {BTC: candles(250)})
    await run()
    run.link.questions.clear()

    report = await run()

    assert run.link.questions == []
    assert (report.datasets[0].lacking, report.datasets[0].newest_is_new) == (0, False)


async def test_backfill_that_was_interrupted_goes_on_where_it_stopped(tmp_path):
    run = Run(tmp_path, {BTC: candles(250)})
    run.link.answers = 1
    with pytest.raises(KeyboardInterrupt):
        await run()
    assert len(run.stored()) == PAGE and run.link.closed

    run.link.answers = None
    run.link.questions.clear()
    await run()

    assert run.link.questions[0][1] == START_MS + PAGE * QUARTER.ms
    assert len(run.stored()) == 250


async def test_backfill_confirms_what_was_rolled_up(tmp_path):
    exact = candles(20)
    guessed = CandleSeries(
        exact.open_ms, exact.open, exact.high, exact.low, exact.close, exact.volume / 2,
        np.ones(20, np.bool_),
    )  # fmt: skip
    CandleStore(tmp_path).upsert("binance", BTC, QUARTER, guessed)
    run = Run(tmp_path, {BTC: exact})

    report = await run()

    assert (report.datasets[0].confirmed, report.datasets[0].added) == (20, 0)
    assert (run.stored().volume == exact.volume).all()


async def test_gap_that_the_exchange_does_not_have_is_told_and_not_asked_for_again(tmp_path):
    whole = candles(600)
    holed = whole[(np.arange(600) < 40) | (np.arange(600) >= 380)]
    run = Run(tmp_path, {BTC: holed})

    report = await run()
    dataset = report.datasets[0]
    assert (dataset.absent, dataset.gaps, dataset.missing) == (340, 1, 340)
    assert any("absent" in line for line in as_lines(report.datasets))
    asked = len(run.link.questions)

    again = await run()
    assert len(run.link.questions) == asked
    assert (again.datasets[0].known_absent, again.datasets[0].lacking) == (340, 0)

    run.link.has[BTC] = whole
    filled = await run(again=True)
    assert (filled.datasets[0].added, filled.datasets[0].gaps) == (340, 0)


async def test_exchange_that_gives_the_newest_of_a_span_hides_nothing(tmp_path):
    whole = candles(600)
    listed = (np.arange(600) >= 180) & ~((np.arange(600) >= 400) & (np.arange(600) < 430))
    run = Run(tmp_path, {BTC: whole[listed]})
    run.link.newest_of_span = True

    report = await run()

    assert (run.stored().open_ms == whole.open_ms[listed]).all()
    assert (report.datasets[0].absent, report.datasets[0].gaps) == (210, 1)


async def test_newest_candle_that_is_not_there_yet_is_asked_for_again(tmp_path):
    run = Run(tmp_path, {BTC: candles(50)})
    run.link.now_ms += QUARTER.ms

    first, second = await run(), await run()

    assert [each.datasets[0].lacking for each in (first, second)] == [51, 1]


async def test_span_is_that_which_was_asked_for(tmp_path):
    run = Run(tmp_path, {BTC: candles(500)})
    since_ms, until_ms = START_MS + 10 * QUARTER.ms + 1, START_MS + 110 * QUARTER.ms

    await run(since_ms=since_ms, until_ms=until_ms)

    opens = run.stored().open_ms
    assert opens[0] == START_MS + 11 * QUARTER.ms
    assert opens[-1] == START_MS + 109 * QUARTER.ms


async def test_span_without_a_beginning_is_what_signals_need(tmp_path):
    run = Run(tmp_path, {BTC: candles(500)})
    await run(since_ms=None)
    assert len(run.stored()) == HISTORY


async def test_refused_question_is_asked_again_after_the_time_that_was_told(tmp_path):
    run = Run(tmp_path, {BTC: candles(50)})
    run.link.refusals = [LinkError("429 too many", 30.0), LinkError("no answer")]

    report = await run()

    assert run.waits[0] == 30.0 and 0 < run.waits[1] < 1
    assert "429 too many" in run.told.getvalue()
    assert report.datasets[0].added == 50 and not report.errors


async def test_ban_for_long_ends_the_run_and_says_so(tmp_path):
    run = Run(tmp_path, {BTC: candles(50), ETH: candles(50)})
    run.link.refusals = [LinkError("418 banned", 7_200.0)]

    report = await run((BTC, ETH))

    assert run.waits == [] and run.link.questions == []
    assert "7200 s" in report.errors[0]
    assert len(report.datasets) == 1 and run.link.closed


async def test_dataset_that_is_given_up_leaves_the_others(tmp_path):
    run = Run(tmp_path, {BTC: candles(50), ETH: candles(50)})
    run.link.refusals = [LinkError("no answer")] * MOST_ATTEMPTS

    report = await run((BTC, ETH))

    assert report.errors == ["BTCUSDT 15m: no answer"]
    assert [each.finished for each in report.datasets] == [False, True]


async def test_renamed_coin_keeps_its_old_history_and_the_new_name_is_said(tmp_path):
    run = Run(tmp_path, {"MATICUSDT": candles(50), "POLUSDT": candles(20, seed=9)})

    report = await run(("MATICUSDT",), named=False)

    assert len(run.stored("MATICUSDT")) == 50 and len(run.stored("POLUSDT")) == 0
    assert "MATICUSDT is POLUSDT at binance now" in run.told.getvalue()
    assert not report.errors


@pytest.mark.parametrize(
    ("named", "errors"), [(True, ["binance does not list XYZUSDT"]), (False, [])]
)
async def test_symbol_that_is_not_listed_is_an_error_if_it_was_named(tmp_path, named, errors):
    run = Run(tmp_path, {BTC: candles(50)})

    report = await run(("XYZUSDT", BTC), named=named)

    assert report.errors == errors
    assert len(run.stored()) == 50


def test_span_that_ends_before_it_begins_is_refused(tmp_path):
    with pytest.raises(ValueError, match="--since"):
        BackfillOrder(
            SUPPORTED["binance"], "", tmp_path, (BTC,), (QUARTER,), since_ms=2, until_ms=1
        )


def test_absent_candles_that_follow_each_other_are_one_span(tmp_path):
    step = QUARTER.ms
    absent = AbsentCandles(tmp_path, "binance")
    absent.remember(BTC, QUARTER, np.array([0, step, 5 * step]))
    absent.remember(BTC, QUARTER, np.array([2 * step, 3 * step, 4 * step]))

    read = AbsentCandles(tmp_path, "binance")

    assert read.path.read_text().count("[") == 2
    opens = step * np.arange(8)
    assert read.among(BTC, QUARTER, opens).tolist() == [True] * 6 + [False] * 2
    assert not read.among(ETH, QUARTER, opens).any()


def test_absent_candles_of_a_damaged_file_are_forgotten(tmp_path):
    absent = AbsentCandles(tmp_path, "binance")
    absent.path.parent.mkdir(parents=True)
    absent.path.write_text("{not json")
    assert not AbsentCandles(tmp_path, "binance").among(BTC, QUARTER, np.array([0])).any()
