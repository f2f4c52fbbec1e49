"""Where the market comes from."""

from pathlib import Path
from typing import Literal

from cryptosite import env
from cryptosite.settings.paths import VAR_DIR
from market.exchanges import SUPPORTED

MARKET_SOURCE = env.choice("MARKET_SOURCE", "auto", ("auto", "live", "replay", "simulated"))
EXCHANGE = env.choice("EXCHANGE", "binance", tuple(SUPPORTED))
"""Whose market a live one is; whom `auto` asks first."""
EXCHANGE_URL = env.server("EXCHANGE_URL")
"""Another server that speaks the exchange's protocol, such as the fake one; "" for none."""
MARKET_KIND = "replay" if EXCHANGE_URL and MARKET_SOURCE == "live" else MARKET_SOURCE
"""What the source comes to where no feed runs: another server's market is never a live one."""
BEEN_LIVE = VAR_DIR / "been_live"
"""There once this instance has had a live market; then `auto` never simulates one again."""
MARKET_REPLAY = tuple(Path(path).resolve() for path in env.items("MARKET_REPLAY", ()))
"""Recordings to replay, merged by receive time: folders of *.gz, or files."""
MARKET_SPEED = env.number("MARKET_SPEED", 1.0, minimum=0.0, maximum=10_000.0)
"""Market seconds per second; 0 is lock-step: the feed waits for the loop at each tick."""
MARKET_FLOW: Literal["hawkes", "poisson"] = env.choice(
    "MARKET_FLOW", "hawkes", ("hawkes", "poisson")
)
"""How market orders arrive in the simulated market."""
MARKET_SEED = env.integer("MARKET_SEED", 1, minimum=0, maximum=2**31)

RECORDINGS_DIR = VAR_DIR / "recordings"
RECORDING_RETENTION_DAYS = env.integer("RECORDING_RETENTION_DAYS", 7, minimum=0, maximum=36_500)
"""Days that what the feed saw is kept; 0 records nothing."""
