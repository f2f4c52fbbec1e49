"""From windows to signals: which class speaks, why not, its levels and times."""

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from inference.artefacts.signal_loading import SignalModel
from inference.artefacts.signal_network import SignalNetwork, open_signal_network
from inference.signals.engine import Ask, judge, make_signals, touch_time
from inference.signals.levels import levels
from inference.signals.moment import Moment
from inference.signals.signal import Signal, SignalError
from inference.signals.windows import CoinWindow, window_of
from inference.vocabulary import DIRECTIONS, Direction, Role, SignalReason
from market.candles.indicators import atr_14, indicators
from market.candles.timeframes import Timeframe
from tests.unit.signal_artefacts import ETA, NOW_MS, SYMBOLS, candles, write_onnx

H1 = Timeframe.H1
MOMENT = Moment("simulated", False, NOW_MS + 1_500.4)


def saying(*probabilities: float) -> dict[str, Any]:
    """Return options of a network that says these probabilities of each window."""
    logs = np.log(np.array([probabilities], np.float32))
    return {"biases": np.repeat(logs, len(SYMBOLS), axis=0)}


def model(tmp_path: Path, symbol: str = "BTCUSDT", **changes: Any) -> SignalModel:
    network = changes.pop("network", None)
    if network is None:
        options = changes.pop("options", {})
        content = write_onnx(tmp_path / "network.onnx", **options)
        network = open_signal_network(content, "d" * 64, tmp_path, len(SYMBOLS))
    given: dict[str, Any] = {
        "symbol": symbol,
        "timeframe": H1,
        "folder": tmp_path,
        "network": network,
        "index": SYMBOLS.index(symbol),
        "version": "test-1",
        "role": Role.CHAMPION,
        "barrier_atr": 2.0,
        "threshold": None,
        "accuracy": 0.4,
        "touch_times": ETA,
    }
    return SignalModel(**(given | changes))


def window(**options: Any) -> CoinWindow:
    return window_of(candles(H1, **options), H1)


def only(answers: list[Signal | SignalError]) -> Signal:
    (answer,) = answers
    assert isinstance(answer, Signal)
    return answer


@pytest.mark.parametrize("likeliest", range(3))
def test_judge_likeliest_class_speaks(likeliest: int) -> None:
    probabilities = np.full(3, 0.3)
    probabilities[likeliest] = 0.4
    direction, reason = judge(probabilities, threshold=0.4)
    assert direction is DIRECTIONS[likeliest]
    expected = SignalReason.MODEL_SAYS_NO_TRADE if likeliest == 1 else SignalReason.NONE
    assert reason is expected


@pytest.mark.parametrize("likeliest", [0, 2])
def test_judge_direction_under_the_threshold_is_no_trade(likeliest: int) -> None:
    probabilities = np.full(3, 0.3)
    probabilities[likeliest] = 0.4
    assert judge(probabilities, 0.41) == (Direction.NO_TRADE, SignalReason.BELOW_THRESHOLD)
    assert judge(probabilities, None)[0] is DIRECTIONS[likeliest]


def test_judge_no_trade_under_the_threshold_is_what_the_model_says() -> None:
    answer = judge(np.array([0.2, 0.45, 0.35]), 0.9)
    assert answer == (Direction.NO_TRADE, SignalReason.MODEL_SAYS_NO_TRADE)


@pytest.mark.parametrize("likeliest", range(3))
@pytest.mark.parametrize("threshold", [1.0, 1.01])
def test_judge_model_without_shown_skill_calls_nothing_and_says_so(
    likeliest: int, threshold: float
) -> None:
    probabilities = np.full(3, 0.0)
    probabilities[likeliest] = 1.0
    answer = judge(probabilities, threshold)
    assert answer == (Direction.NO_TRADE, SignalReason.NO_SKILL_SHOWN)


@pytest.mark.parametrize(("late_ms", "expired"), [(0, False), (479_999, False), (480_000, True)])
def test_signal_made_late_has_the_window_of_its_candle(
    tmp_path: Path, late_ms: int, expired: bool
) -> None:
    moment = Moment("simulated", False, float(NOW_MS + late_ms))
    said = only(make_signals([Ask(model(tmp_path), window())], moment))
    item = said.item(moment.now_ms)
    assert item["prediction_time"] == item["candle_close"] == "2024-09-06T00:00:00+00:00"
    assert item["valid_until"] == "2024-09-06T00:08:00+00:00"
    assert item["expired"] is expired
    assert (said.made_ms, said.frame()["made_ts"]) == (NOW_MS + late_ms, NOW_MS + late_ms)


def test_levels_long_are_those_of_the_specification() -> None:
    long = levels(Direction.LONG, 42_500.50, 600.25)
    assert long.stop_loss == 41_900.25
    assert [(t.level, t.price) for t in long.take_profits] == [
        (1, 43_100.75),
        (2, 43_701.0),
        (3, 44_301.25),
    ]


def test_levels_short_mirror_long() -> None:
    short = levels(Direction.SHORT, 42_500.50, 600.25)
    assert short.stop_loss == 43_100.75
    assert [t.price for t in short.take_profits] == [41_900.25, 41_300.0, 40_699.75]


def test_levels_no_trade_has_none() -> None:
    none = levels(Direction.NO_TRADE, 42_500.50, 600.25)
    assert (none.stop_loss, none.take_profits) == (None, ())


@pytest.mark.parametrize(("entry", "risk"), [(0.00000812, 3.17e-8), (1e5, 9.7), (0.31, 0.011)])
@pytest.mark.parametrize("direction", [Direction.LONG, Direction.SHORT])
def test_levels_of_any_price_keep_the_distances_in_r(
    direction: Direction, entry: float, risk: float
) -> None:
    side = 1 if direction is Direction.LONG else -1
    found = levels(direction, entry, risk)
    assert found.stop_loss is not None
    distances = [(entry - found.stop_loss) * side / risk] + [
        (target.price - entry) * side / risk for target in found.take_profits
    ]
    assert distances == pytest.approx([1, 1, 2, 3], abs=2e-6)


def test_levels_that_no_market_trades_at_are_left_out() -> None:
    short = levels(Direction.SHORT, 1.0, 0.4)
    assert [target.level for target in short.take_profits] == [1, 2]
    assert levels(Direction.LONG, 1.0, 1.2).stop_loss is None


@pytest.mark.parametrize(
    ("direction", "ratio", "median"),
    [
        (Direction.LONG, 0.0005, 300),
        (Direction.LONG, 0.05, 45.4),
        (Direction.LONG, 0.5, 0.2),
        (Direction.SHORT, 0.05, 46),
    ],
)
def test_touch_time_is_the_row_of_direction_and_volatility(
    direction: Direction, ratio: float, median: float
) -> None:
    found = touch_time(ETA, direction, ratio)
    assert found is not None and found.median == median


def test_touch_time_of_no_trade_or_without_a_table_is_unknown() -> None:
    assert touch_time(ETA, Direction.NO_TRADE, 0.05) is None
    assert touch_time(None, Direction.LONG, 0.05) is None


def test_signal_long_has_the_window_its_levels_and_times(tmp_path: Path) -> None:
    served = model(tmp_path, options=saying(0.2, 0.1, 0.7), threshold=0.5)
    series = candles(H1)
    said = only(make_signals([Ask(served, window_of(series, H1))], MOMENT))
    atr = atr_14(series, indicators(series))[-1]
    assert said.direction is Direction.LONG
    assert said.probabilities == pytest.approx((0.2, 0.1, 0.7), abs=1e-6)
    assert sum(said.probabilities) == pytest.approx(1, abs=1e-12)
    assert said.confidence == said.probabilities[2]
    assert said.entry == series.close[-1]
    assert said.risk == pytest.approx(2 * atr)
    assert said.stop_loss == pytest.approx(said.entry - said.risk, rel=1e-6)
    assert (said.tp_eta_minutes, said.tp_eta_low_minutes, said.tp_eta_high_minutes) == (45, 15, 150)
    assert (said.candle_open_ms, said.candle_close_ms) == (NOW_MS - H1.ms, NOW_MS)
    assert (said.prediction_ms, said.made_ms) == (NOW_MS, NOW_MS + 1_500)
    assert said.valid_until_ms == NOW_MS + 8 * 60_000
    assert (said.venue, said.live, said.threshold) == ("simulated", False, 0.5)
    assert said.features == tuple(indicators(series)[-1].tolist())


def test_signal_under_the_threshold_keeps_its_confidence_and_has_no_levels(tmp_path: Path) -> None:
    served = model(tmp_path, options=saying(0.2, 0.1, 0.7), threshold=0.71)
    said = only(make_signals([Ask(served, window())], MOMENT))
    assert (said.direction, said.reason) == (Direction.NO_TRADE, SignalReason.BELOW_THRESHOLD)
    assert said.confidence == pytest.approx(0.7)
    assert (said.stop_loss, said.take_profits, said.tp_eta_minutes) == (None, (), None)
    assert said.entry > 0


def test_signals_of_a_batch_equal_those_made_one_by_one(tmp_path: Path) -> None:
    first = model(tmp_path)
    models = [first, *(model(tmp_path, name, network=first.network) for name in SYMBOLS[1:])]
    asks = [Ask(each, window(seed=seed)) for seed, each in enumerate(models, start=1)]
    batch = make_signals(asks, MOMENT)
    for ask, together in zip(asks, batch, strict=True):
        alone = only(make_signals([ask], MOMENT))
        assert isinstance(together, Signal)
        assert together.symbol == alone.symbol
        assert together.probabilities == pytest.approx(alone.probabilities, abs=1e-6)
    assert len({said.probabilities for said in batch if isinstance(said, Signal)}) == 3


class Counting:
    """A session that counts its runs, and fails where it is told to."""

    def __init__(self, fails: bool = False) -> None:
        self.runs = 0
        self._fails = fails

    def run(self, names: Any, feed: dict[str, Any]) -> list[Any]:
        self.runs += 1
        if self._fails:
            raise RuntimeError("out of memory")
        return [np.tile(np.array([[0.5, 0.3, 0.2]], np.float32), (len(feed["window"]), 1))]


def test_signals_of_one_network_take_one_run_whatever_the_order(tmp_path: Path) -> None:
    shared, other = Counting(), Counting()
    first = model(tmp_path, network=SignalNetwork(shared, "a", True))
    second = model(tmp_path, "ETHUSDT", network=SignalNetwork(other, "b", True))
    third = model(tmp_path, "SHIBUSDT", network=first.network)
    answers = make_signals([Ask(each, window()) for each in (first, second, third)], MOMENT)
    assert [answer.symbol for answer in answers] == list(SYMBOLS)
    assert (shared.runs, other.runs) == (1, 1)


def test_network_that_fails_gives_its_coins_an_error_and_the_others_their_signal(
    tmp_path: Path,
) -> None:
    broken = model(tmp_path, network=SignalNetwork(Counting(fails=True), "a", True))
    sound = model(tmp_path, "ETHUSDT")
    failed, said = make_signals([Ask(broken, window()), Ask(sound, window())], MOMENT)
    assert isinstance(failed, SignalError) and isinstance(said, Signal)
    assert failed.code is SignalReason.MODEL_ERROR
    assert "out of memory" in failed.message


@pytest.mark.parametrize("answer", [math.nan, -0.1, 0.9])
def test_network_that_answers_no_probabilities_is_an_error(tmp_path: Path, answer: float) -> None:
    class Odd(Counting):
        def run(self, names: Any, feed: dict[str, Any]) -> list[Any]:
            return [np.array([[answer, 0.3, 0.2]], np.float32)]

    odd = model(tmp_path, network=SignalNetwork(Odd(), "a", True))
    (failed,) = make_signals([Ask(odd, window())], MOMENT)
    assert isinstance(failed, SignalError)
    assert failed.code is SignalReason.MODEL_ERROR


def test_signal_does_not_depend_on_how_much_history_is_stored(tmp_path: Path) -> None:
    served = model(tmp_path)
    short = only(make_signals([Ask(served, window(count=210))], MOMENT))
    long = only(make_signals([Ask(served, window(count=600))], MOMENT))
    assert short == long
