"""Where the recorded market data lies: SHARED_DATA, default ../shared beside the checkout."""

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
SHARED = Path(os.environ.get("SHARED_DATA") or ROOT.parent / "shared").resolve()
FRAMES = SHARED / "data" / "frames"

BTC_SPOT, ETH_SPOT = "binance-spot-btcusdt", "binance-spot-ethusdt"
BTC_FUTURES, NEXO_SPOT = "binance-usdm-btcusdt", "binance-spot-nexousdt"
ALL = (BTC_SPOT, ETH_SPOT, BTC_FUTURES, NEXO_SPOT)


def recording(name: str) -> Path:
    """Return a recording's folder; skip the test where there is no data at all (never in CI)."""
    if not FRAMES.is_dir():
        message = f"no recordings: {FRAMES} is not there; set SHARED_DATA"
        if os.environ.get("CI"):
            pytest.fail(message)
        pytest.skip(message)
    return FRAMES / name
