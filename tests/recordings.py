"""Where the recorded market data lies: SHARED_DATA, default ../shared beside the checkout."""

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
SHARED = Path(os.environ.get("SHARED_DATA") or ROOT.parent / "shared").resolve()
FRAMES = SHARED / "data" / "frames"
CANDLES = SHARED / "data" / "candles"

BTC_SPOT, ETH_SPOT = "binance-spot-btcusdt", "binance-spot-ethusdt"
BTC_FUTURES, NEXO_SPOT = "binance-usdm-btcusdt", "binance-spot-nexousdt"
ALL = (BTC_SPOT, ETH_SPOT, BTC_FUTURES, NEXO_SPOT)


def recording(name: str) -> Path:
    """Return a recording's folder; skip the test where there is no data at all (never in CI)."""
    return _within(FRAMES) / name


def candle_file(coin: str, timeframe: str) -> Path:
    """Return the feather file of a coin's candles (`BTC`, `1h`); skip as `recording` does."""
    return _within(CANDLES) / timeframe / f"{coin}_USDT-{timeframe}.feather"


def _within(folder: Path) -> Path:
    if not folder.is_dir():
        message = f"no recordings: {folder} is not there; set SHARED_DATA"
        if os.environ.get("CI"):
            pytest.fail(message)
        pytest.skip(message)
    return folder
