"""Our controller for hummingbot, without hummingbot: which signals it holds, and for how long.

With hummingbot itself: docs/integrations/trials/hummingbot.sh.
"""

import importlib.util
import logging
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import orjson
import pytest

from inference.signals.entry import Said
from inference.vocabulary import Direction
from predictions.mqtt.messages import StandAside, signal_message
from tests.signals import signal

FILE = Path(__file__).resolve().parents[2] / "docs/integrations/hummingbot/cryptosite_livestream.py"
NOW_MS = 1_766_927_701_000


class Stock:
    """What ours takes of hummingbot's controller, as far as it decides."""

    def __init__(self, config: Any, market: Any) -> None:
        self.config, self.market_data_provider = config, market

    def logger(self) -> logging.Logger:
        return logging.getLogger("bot")

    def _handle_ml_signal(self, signal: dict[str, Any], topic: str) -> None:
        short, _, long = signal["probabilities"]
        called = -1 if short > 0.5 else 1 if long > 0.5 else 0
        self.processed_data = {"signal": called, "features": signal}


@pytest.fixture
def bot(monkeypatch: pytest.MonkeyPatch) -> Any:
    place = "controllers.directional_trading.ai_livestream"
    stock = ModuleType(place)
    vars(stock).update(AILivestreamController=Stock, AILivestreamControllerConfig=object)
    for name in ("controllers", "controllers.directional_trading"):
        monkeypatch.setitem(sys.modules, name, ModuleType(name))
    monkeypatch.setitem(sys.modules, place, stock)
    spec: Any = importlib.util.spec_from_file_location("cryptosite_livestream", FILE)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    market = SimpleNamespace(seconds=NOW_MS / 1000)
    market.time = lambda: market.seconds
    return module.CryptositeLivestreamController(SimpleNamespace(venue="binance"), market)


def message(aside: StandAside = StandAside.NONE, **changes: Any) -> dict[str, Any]:
    given: dict[str, Any] = {"venue": "binance", "live": True}
    said = Said(signal(at_ms=NOW_MS, **(given | changes)))
    body: dict[str, Any] = orjson.loads(signal_message(said, aside))
    return body


@pytest.mark.parametrize(("direction", "called"), [(Direction.LONG, 1), (Direction.SHORT, -1)])
def test_signal_is_held_until_it_is_over(bot: Any, direction: Direction, called: int) -> None:
    bot._handle_ml_signal(message(direction=direction), "topic")
    assert bot.processed_data["signal"] == called


async def test_signal_that_is_over_is_let_go_without_a_message(bot: Any) -> None:
    told = message()
    bot._handle_ml_signal(told, "topic")
    bot.market_data_provider.seconds = told["valid_until_ts"] / 1000 - 0.001
    await bot.update_processed_data()
    assert bot.processed_data["signal"] == 1
    bot.market_data_provider.seconds = told["valid_until_ts"] / 1000
    await bot.update_processed_data()
    assert bot.processed_data["signal"] == 0


@pytest.mark.parametrize(
    "told",
    [
        message(StandAside.EXPIRED),
        message(venue="coinbase"),
        message(venue="replay/x/1", live=False),
        message() | {"valid_until_ts": NOW_MS},
        message() | {"probabilities": None},
        {},
        [],
    ],
    ids=["withdrawn", "other exchange", "replay", "over", "no probabilities", "empty", "list"],
)
def test_message_that_may_not_be_entered_ends_what_was_held(bot: Any, told: Any) -> None:
    bot._handle_ml_signal(message(), "topic")
    bot._handle_ml_signal(told, "topic")
    assert bot.processed_data["signal"] == 0


async def test_controller_that_heard_nothing_holds_nothing(bot: Any) -> None:
    await bot.update_processed_data()
    assert bot.processed_data["signal"] == 0
