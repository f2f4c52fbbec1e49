"""`make_prediction` in a plain `python -c`, and `manage.py predict`, as people run them."""

import ast
import json
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import redis

from market import keys
from market.candles.store import CandleStore
from market.candles.timeframes import SIGNAL_TIMEFRAMES, Timeframe
from market.clock import MarketTime
from tests.documents import README, blocks
from tests.ports import free_port
from tests.signals import SPECIFIED_FIELDS
from tests.unit.signal_artefacts import NOW_MS, SYMBOLS, candles, write_pooled

ROOT = Path(__file__).resolve().parents[2]
AS_OF = "2024-09-06T00:00:01Z"


@pytest.fixture(scope="module")
def instance(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Networks and candles of three coins, made once."""
    var = tmp_path_factory.mktemp("instance")
    store = CandleStore(var / "candles")
    now_ms = time.time() * 1e3
    for timeframe in SIGNAL_TIMEFRAMES:
        write_pooled(var / "models", timeframe)
        for number, symbol in enumerate(SYMBOLS):
            for closed_ms in (NOW_MS, timeframe.open_of(now_ms)):
                series = candles(timeframe, count=300, seed=number, closed_ms=closed_ms)
                store.upsert("binance", symbol, timeframe, series)
    return var


@pytest.fixture
def env(instance: Path, instance_env: dict[str, str]) -> dict[str, str]:
    """An instance of its own with these networks and candles, and no Redis."""
    shutil.copytree(instance, instance_env["VAR_DIR"], dirs_exist_ok=True)
    return instance_env | {
        "REDIS_URL": f"redis://127.0.0.1:{free_port()}/0",
        "SIGNAL_SYMBOLS": ",".join((*SYMBOLS, "DOGE2USDT")),
    }


def python(env: dict[str, str], text: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-c", text], cwd=ROOT, env=env, capture_output=True, text=True, timeout=60
    )


def predict(env: dict[str, str], *arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "manage.py", "predict", *arguments],
        cwd=ROOT,
        env=env,
        capture_output=True,
        text=True,
        timeout=60,
    )


def from_service(env: dict[str, str], call: str) -> "subprocess.CompletedProcess[str]":
    bare = {name: value for name, value in env.items() if name != "DJANGO_SETTINGS_MODULE"}
    return python(bare, f"from inference.signals.service import make_prediction; print({call})")


def test_make_prediction_in_a_plain_python_returns_the_specified_fields(
    env: dict[str, str],
) -> None:
    child = from_service(env, "make_prediction('BTCUSDT', timeframe='15m')")
    said: dict[str, Any] = ast.literal_eval(child.stdout)
    assert set(said) >= SPECIFIED_FIELDS
    assert (said["symbol"], said["timeframe"]) == ("BTCUSDT", "15m")
    assert said["prediction_time"] == said["candle_close"] <= said["made_at"]
    assert said["expired"] is (said["made_at"] >= said["valid_until"])
    assert (said["venue"], said["live"]) == ("binance", False)
    assert child.stderr == ""
    assert set(said["probabilities"]) == {"LONG", "SHORT", "NO_TRADE"}
    assert said["direction"] in said["probabilities"]
    assert child.returncode == 0, child.stderr


def test_make_prediction_takes_15m_where_nothing_is_said(env: dict[str, str]) -> None:
    child = from_service(env, "make_prediction('btc-usdt')['timeframe']")
    assert child.stdout == "15m\n", child.stderr


def test_make_prediction_without_a_model_is_none_and_the_log_says_why(
    env: dict[str, str],
) -> None:
    child = from_service(env, "make_prediction('DOGE2USDT')")
    assert child.stdout == "None\n"
    assert "model_missing" in child.stderr
    assert "DOGE2USDT/15m/cnn_lstm_best.pt" in child.stderr


def test_make_prediction_of_an_unknown_timeframe_names_the_allowed(env: dict[str, str]) -> None:
    child = from_service(env, "make_prediction('BTCUSDT', '2h')")
    assert child.returncode == 1
    assert "15m, 1h, 4h, 1d" in child.stderr


def test_make_prediction_of_what_is_no_text_is_a_type_error(env: dict[str, str]) -> None:
    child = from_service(env, "make_prediction(None)")
    assert child.returncode == 1
    assert "TypeError: a symbol is text" in child.stderr


@pytest.mark.parametrize(
    ("source", "simulated", "market"),
    [
        ("auto", False, "binance (not live)"),
        ("auto", True, "simulated (not live)"),
        ("simulated", True, "simulated (not live)"),
        ("replay", True, "binance (not live)"),
        ("live", True, "binance (live)"),
    ],
)
def test_predict_without_a_running_market_takes_the_one_that_is_set(
    env: dict[str, str], source: str, simulated: bool, market: str
) -> None:
    if simulated:
        series = candles(Timeframe.M15, count=300, seed=1, closed_ms=NOW_MS)
        CandleStore(Path(env["VAR_DIR"]) / "candles").upsert(
            "simulated", "BTCUSDT", Timeframe.M15, series
        )
    done = predict(env | {"MARKET_SOURCE": source}, "BTCUSDT")
    assert done.stdout.splitlines()[0].startswith(market)
    assert "warning" not in done.stderr


def test_predict_symbol_that_is_not_served_names_those_that_are(env: dict[str, str]) -> None:
    done = predict(env, "FOO")
    assert done.returncode == 1
    assert "FOO is not in SIGNAL_SYMBOLS" in done.stderr
    assert "BTCUSDT, ETHUSDT" in done.stderr


def test_predict_signal_whose_window_is_over_is_shown_as_expired(env: dict[str, str]) -> None:
    fresh = predict(env, "BTCUSDT", "--as-of", AS_OF)
    over = predict(env, "BTCUSDT", "--as-of", "2024-09-06T00:02:00Z")
    assert "expired" not in fresh.stdout
    assert "2024-09-06T00:02:00+00:00 (expired)" in over.stdout


def test_make_prediction_imports_no_training_library(env: dict[str, str]) -> None:
    child = python(
        env,
        "import sys; from inference.signals.service import make_prediction\n"
        "assert make_prediction('BTCUSDT') is not None\n"
        # Not pandas: TA-Lib's module takes it along wherever it is installed.
        "print([n for n in ('torch', 'sklearn', 'onnx', 'lightgbm') if n in sys.modules])",
    )
    assert child.stdout == "[]\n", child.stderr


def test_make_prediction_follows_the_clock_of_a_replayed_market(
    env: dict[str, str], clean_redis: redis.Redis, redis_url: str
) -> None:
    replayed: Any = MarketTime("replay/x/1", False, NOW_MS + 500.0, 0.0, 0.0).to_hash()
    clean_redis.hset(keys.clock(), mapping=replayed)
    child = from_service(env | {"REDIS_URL": redis_url}, "make_prediction('BTCUSDT', '4h')")
    said = ast.literal_eval(child.stdout)
    assert said["candle_close"] == "2024-09-06T00:00:00+00:00"
    assert (said["venue"], said["live"]) == ("replay/x/1", False)


def test_make_prediction_with_a_clock_that_makes_no_sense_is_none(
    env: dict[str, str], clean_redis: redis.Redis, redis_url: str
) -> None:
    clean_redis.hset(keys.clock(), mapping={"venue": "simulated"})
    child = from_service(env | {"REDIS_URL": redis_url}, "make_prediction('BTCUSDT', '4h')")
    assert child.stdout == "None\n"
    assert "clock:market" in child.stderr


def test_predict_prints_an_aligned_table_and_errors_below(env: dict[str, str]) -> None:
    done = predict(env, *SYMBOLS, "DOGE2USDT", "--timeframe", "all", "--as-of", AS_OF)
    market, head, *lines = done.stdout.splitlines()
    assert market == "binance (not live), 2024-09-06T00:00:01+00:00"
    rows, errors = lines[:12], lines[12:]
    assert head.split()[:4] == ["SYMBOL", "TF", "DIRECTION", "PROB"]
    column = head.index("MODEL")
    assert {row[column:].split()[0] for row in rows} == {
        f"test-{timeframe}-1" for timeframe in SIGNAL_TIMEFRAMES
    }
    assert [line.split(":")[0] for line in errors] == [
        f"DOGE2USDT {timeframe}" for timeframe in SIGNAL_TIMEFRAMES
    ]
    assert done.returncode == 0, done.stderr


def test_predict_json_has_predictions_and_errors(env: dict[str, str]) -> None:
    done = predict(
        env, "BTCUSDT", "eth-usdt", "DOGE2USDT", "--timeframe", "1h", "--as-of", AS_OF, "--json"
    )
    said = json.loads(done.stdout)
    assert [item["symbol"] for item in said["predictions"]] == ["BTCUSDT", "ETHUSDT"]
    assert all(set(item) >= SPECIFIED_FIELDS for item in said["predictions"])
    assert [(e["symbol"], e["code"]) for e in said["errors"]] == [("DOGE2USDT", "model_missing")]
    assert (said["status"], said["count"], said["live"]) == ("success", 2, False)


def test_predict_of_coins_that_all_fail_ends_with_an_error(env: dict[str, str]) -> None:
    done = predict(env, "DOGE2USDT")
    assert done.returncode == 1
    assert "model_missing" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("BTCUSDT", "--timeframe", "2h"), "15m, 1h, 4h, 1d"),
        (("BTC!USDT",), "BTC!USDT"),
        (("BTCUSDT", "--as-of", "yesterday"), "2024-09-01T12:00:00+00:00"),
    ],
)
def test_predict_bad_argument_is_named_with_what_is_allowed(
    env: dict[str, str], arguments: tuple[str, ...], said: str
) -> None:
    done = predict(env, *arguments)
    assert done.returncode == 1
    assert said in done.stderr


def test_predict_on_a_device_that_is_not_there_says_what_is(env: dict[str, str]) -> None:
    done = predict(env | {"MODEL_DEVICE": "cuda"}, "BTCUSDT")
    assert done.returncode == 1
    assert "CPUExecutionProvider" in done.stderr


def test_predict_timeframe_that_is_stored_for_one_coin_only_serves_that_coin(
    env: dict[str, str],
) -> None:
    store = CandleStore(Path(env["VAR_DIR"]) / "candles")
    (store.folder("binance", "ETHUSDT", Timeframe.D1) / "2024.parquet").unlink()
    (store.folder("binance", "ETHUSDT", Timeframe.D1) / "2023.parquet").unlink()
    done = predict(env, "BTCUSDT", "ETHUSDT", "--timeframe", "1d", "--as-of", AS_OF, "--json")
    said = json.loads(done.stdout)
    assert said["count"] == 1
    assert [error["code"] for error in said["errors"]] == ["candles_missing"]


def test_readme_examples_of_python_run_as_written(env: dict[str, str]) -> None:
    (example,) = (block.text for block in blocks(README) if "make_prediction(" in block.text)
    text = example.replace(".venv/bin/python", sys.executable)
    done = subprocess.run(
        ["bash", "-euc", text], cwd=ROOT, env=env, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    *table, result = done.stdout.splitlines()
    assert len(table) == 2 + 2 * len(SIGNAL_TIMEFRAMES)
    assert ast.literal_eval(result)["symbol"] == "BTCUSDT"
