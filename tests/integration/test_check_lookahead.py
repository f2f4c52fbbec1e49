"""Nothing that is served looks ahead, and what is made to look ahead is found and named."""

import itertools
import json
from collections.abc import Iterable, Iterator
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import redis
from django.core.management import CommandError, call_command
from onnx import helper

from inference.artefacts.manifest import OUTPUT_COLUMNS, write_manifest
from inference.signals.service import default_service
from market import keys
from market.candles.indicators import indicators
from market.candles.series import CandleSeries
from market.candles.store import CandleStore
from market.candles.timeframes import Timeframe
from market.clock import MarketTime
from market.feeds import Batch
from market.feeds.replay import ReplayFeed
from market.hot.features import FeatureRow
from market.hot.vector import FEATURE_COUNT, INDEX
from predictions.audit.candle_lookahead import check_candles
from predictions.audit.hot_lookahead import History, check_hot, served_features
from predictions.audit.report import AuditReport
from tests.made_candles import walk
from tests.recordings import BTC_SPOT, NEXO_SPOT, recording
from tests.unit.artefact_files import linear, manifest, write_network

# What market runs decides whose candles are taken: none does here.
pytestmark = pytest.mark.usefixtures("clean_redis")

H1 = Timeframe.H1
MID = INDEX["mid_price"]


@pytest.fixture(scope="module")
def history() -> History:
    batches = list(itertools.islice(ReplayFeed([recording(BTC_SPOT)]).batches(), 1_000))
    return History("replay/test", "BTCUSDT", batches, {})


def hot(history: History, **options: Any) -> AuditReport:
    report = AuditReport()
    models = options.pop("models", [])
    check_hot(report, history, models, moments=6, seed=5, **options)
    return report


def test_served_features_do_not_look_ahead(history: History) -> None:
    report = hot(history)
    assert report.differences == []
    assert report.checked["features"] == 6 * 100 * FEATURE_COUNT


def test_feature_that_knows_the_next_cell_is_named(history: History) -> None:
    served = served_features(history)

    def leaking(batches: Iterable[Batch]) -> Iterator[tuple[int, FeatureRow]]:
        rows = list(served(batches))
        for (end, row), (_, following) in zip(rows, [*rows[1:], rows[-1]], strict=True):
            values = list(row.values)
            values[INDEX["ret_1s"]] = (following.event_ts_ms or 0) - (row.event_ts_ms or 0)
            yield end, row._replace(values=values)

    report = hot(history, features=leaking)
    assert {each.column for each in report.differences} == {"ret_1s"}
    ends = {batch.until_ms for batch in history.batches}
    for each in report.differences:
        assert each.time_ms in ends
        assert each.subject == "BTCUSDT"
        assert each.recomputed == 0.0  # what was known then
        assert each.size == abs(each.stored)  # type: ignore[arg-type]
    assert report.difference_count >= 1
    assert not report.passed


def test_model_output_that_depends_on_later_rows_is_named(history: History) -> None:
    def centred(features: Any) -> Any:
        outputs = np.zeros((len(features), len(OUTPUT_COLUMNS)))
        outputs[:, 0] = features[:, MID] - features[:, MID].mean()
        return outputs

    report = hot(history, models=[centred])
    assert {each.column for each in report.differences} == {OUTPUT_COLUMNS[0]}
    assert report.checked["features"]


def test_forecaster_that_mixes_rows_of_a_batch_is_named_by_the_command(
    tmp_path: Path, settings: Any
) -> None:
    settings.VAR_DIR = tmp_path
    clean = audit(engine="forecasts", recording=[recording(NEXO_SPOT)], moments=2)
    assert clean["passed"]
    assert clean["checked"]["outputs"] > 100
    found = audit(
        engine="forecasts",
        recording=[recording(NEXO_SPOT)],
        moments=2,
        model=[batch_dependent_network(tmp_path)],
    )
    assert {each["column"] for each in found["differences"]} == set(OUTPUT_COLUMNS)
    assert found["checked"]["features"] == clean["checked"]["features"]


def batch_dependent_network(folder: Path) -> Path:
    """Write a network with a manifest that takes the mean over its batch off each output."""
    path = folder / "mixing.onnx"
    write_network(path, linear(len(OUTPUT_COLUMNS)), output_name="own")
    model = onnx.load(str(path))
    mean = helper.make_node("ReduceMean", ["own"], ["middle"], axes=[0], keepdims=1)
    model.graph.node.extend([mean, helper.make_node("Sub", ["own", "middle"], ["forecast"])])
    model.graph.output[0].name = "forecast"
    onnx.save(model, str(path))
    write_manifest(manifest(), path)
    return path


# Candles


@pytest.fixture
def store(tmp_path: Path) -> CandleStore:
    candles = walk(600, seed=4, step_ms=H1.ms)
    found = CandleStore(tmp_path / "candles")
    found.upsert("binance", "BTCUSDT", H1, candles)
    return found


def candle_audit(store: CandleStore, **options: Any) -> AuditReport:
    report = AuditReport()
    options = {"moments": 8} | options
    check_candles(report, store, ["binance"], "BTCUSDT", H1, None, seed=5, **options)
    return report


def test_served_indicators_and_windows_do_not_look_ahead(store: CandleStore) -> None:
    report = candle_audit(store)
    assert report.differences == []
    assert report.checked["features"] == report.checked["windows"] > 1_000
    assert report.unchecked == {"outputs_model_missing": 8}


def test_indicator_that_knows_the_next_candle_is_named(store: CandleStore) -> None:
    def leaking(candles: CandleSeries) -> Any:
        values = indicators(candles)
        values[:-1, 0] = candles.close[1:] / candles.close[:-1]
        return values

    report = candle_audit(store, compute=leaking)
    assert {each.column for each in report.differences} == {"rsi_14"}
    assert {each.subject for each in report.differences} == {"BTCUSDT 1h"}
    assert report.difference_count == 8  # the newest row of each moment


def test_indicator_scaled_by_the_whole_history_is_named(store: CandleStore) -> None:
    def leaking(candles: CandleSeries) -> Any:
        values = indicators(candles)
        values[:, 5] /= np.nanstd(values[:, 5])
        return values

    report = candle_audit(store, compute=leaking)
    assert {each.column for each in report.differences} == {"ema_26_atr"}
    assert report.difference_count > 100


def test_probabilities_that_depend_on_later_windows_are_named(store: CandleStore) -> None:
    def ranked(windows: Any) -> Any:
        newest = windows[:, -1, 0].astype(np.float64)
        share = newest / newest.sum()
        return np.column_stack((share, 1 - share, np.zeros(len(share))))

    report = candle_audit(store, model=ranked)
    assert {each.column for each in report.differences} == {"p_short", "p_no_trade"}


def audit(**options: Any) -> dict[str, Any]:
    out = StringIO()
    try:
        call_command("check_lookahead", json=True, stdout=out, **options)
    except CommandError as error:
        assert error.returncode == 1
        failed = True
    else:
        failed = False
    report: dict[str, Any] = json.loads(out.getvalue())
    assert report["passed"] is not failed
    return report


def test_shipped_signal_networks_do_not_look_ahead(tmp_path: Path, settings: Any) -> None:
    settings.VAR_DIR, settings.CANDLES_DIR = tmp_path, tmp_path / "candles"
    for symbol in ("BTCUSDT", "ETHUSDT"):
        candles = walk(300, seed=len(symbol), step_ms=H1.ms)
        CandleStore(tmp_path / "candles").upsert("binance", symbol, H1, candles)
    report = audit(
        engine="signals",
        symbols=frozenset({"BTCUSDT", "ETHUSDT"}),
        timeframes=(H1,),
        moments=4,
        venue="binance",
    )
    assert report["passed"]
    assert report["checked"]["outputs"] >= 2 * 4 * 3
    assert report["unchecked"] == {}


def test_audit_of_nothing_does_not_pass(tmp_path: Path, settings: Any) -> None:
    settings.VAR_DIR = tmp_path
    settings.CANDLES_DIR, settings.RECORDINGS_DIR = tmp_path / "no", tmp_path / "none"
    report = audit(moments=3, symbols=frozenset({"BTCUSDT"}), timeframes=(H1,), venue="binance")
    assert not report["passed"]
    assert report["unchecked"] == {
        "features_no_recording": 3,
        "features_not_enough_history": 3,
    }
    assert report["notes"] == ["BTCUSDT 1h: 0 candles of binance are stored, 210 are needed"]


@pytest.mark.parametrize(("stored", "moments"), [(210, 1), (211, 2), (300, 91)])
def test_every_candle_with_enough_before_it_is_a_moment(
    tmp_path: Path, stored: int, moments: int
) -> None:
    store = CandleStore(tmp_path / "candles")
    store.upsert("binance", "BTCUSDT", H1, walk(stored, seed=4, step_ms=H1.ms))
    report = candle_audit(store, moments=1_000)
    assert report.passed
    assert report.unchecked == {"outputs_model_missing": moments}


def test_one_candle_too_few_says_how_many_there_are(tmp_path: Path) -> None:
    store = CandleStore(tmp_path / "candles")
    store.upsert("binance", "BTCUSDT", H1, walk(209, seed=4, step_ms=H1.ms))
    report = candle_audit(store)
    assert report.unchecked == {"features_not_enough_history": 8}
    told = "BTCUSDT 1h: 209 candles of binance are stored, 210 are needed"
    assert f"note       {told}" in report.lines()


@pytest.fixture
def fresh_service() -> Iterator[None]:
    default_service.cache_clear()
    yield
    default_service.cache_clear()


def test_audit_takes_the_candles_of_the_running_market(
    tmp_path: Path, settings: Any, clean_redis: redis.Redis, fresh_service: None
) -> None:
    settings.VAR_DIR, settings.CANDLES_DIR = tmp_path, tmp_path / "candles"
    clock = MarketTime("simulated/7", False, 0.0, 0.0, 1.0)
    clean_redis.hset(keys.clock(), mapping=clock.to_hash())
    candles = walk(300, seed=4, step_ms=H1.ms)
    CandleStore(settings.CANDLES_DIR).upsert("simulated/7", "BTCUSDT", H1, candles)
    report = audit(
        engine="signals", symbols=frozenset({"BTCUSDT"}), timeframes=(H1,), moments=3, seed=2
    )
    assert report["passed"]
    assert report["unchecked"] == {}


def test_model_file_that_is_none_is_named(tmp_path: Path, settings: Any) -> None:
    settings.VAR_DIR = tmp_path
    with pytest.raises(CommandError, match=r"nowhere\.onnx"):
        call_command("check_lookahead", model=[tmp_path / "nowhere.onnx"], engine="forecasts")
