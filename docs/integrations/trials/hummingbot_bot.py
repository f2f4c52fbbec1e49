"""hummingbot's own MQTT bridge and controller, told what to hear; run in hummingbot's environment.

Started by hummingbot_trial.py. A line of JSON a message, and one whenever what hummingbot would do
changes without a message. The bridge (hummingbot.remote_iface.mqtt) comes with the package; the
controller, ai_livestream.py, only with hummingbot's repository: without it the bridge alone is
tried. Both it and our own, which is made from it, listen to the same messages.
"""

import argparse
import asyncio
import importlib.util
import json
import logging
import sys
import time
import types
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace
from typing import Any

# The controller imports it and uses none of it; releases for Python 3.11 are gone from PyPI.
if importlib.util.find_spec("pandas_ta") is None:
    sys.modules["pandas_ta"] = types.ModuleType("pandas_ta")

from hummingbot.remote_iface.mqtt import ExternalTopicFactory, MQTTGateway

PRICE = Decimal("42500.5")
PLACE = "controllers.directional_trading"
OURS = Path(__file__).parents[1] / "hummingbot" / "cryptosite_livestream.py"


def bridge(port: int) -> Any:
    """Return hummingbot's gateway to the broker, as an application's configuration makes it."""
    settings = SimpleNamespace(
        mqtt_host="127.0.0.1",
        mqtt_port=port,
        mqtt_username="",
        mqtt_password="",
        mqtt_ssl=False,
        mqtt_namespace="hbot",
    )
    application = SimpleNamespace(
        ev_loop=asyncio.get_running_loop(),
        instance_id="trial",
        client_config_map=SimpleNamespace(mqtt_bridge=settings),
        logger=lambda: logging.getLogger("trial"),
    )
    return MQTTGateway(application)


def loaded(name: str, path: Path) -> Any:
    """Return a controller's module under the name that hummingbot gives it."""
    spec = importlib.util.spec_from_file_location(f"{PLACE}.{name}", path)
    if spec is None or spec.loader is None:
        raise FileNotFoundError(path)
    for parent in (PLACE.partition(".")[0], PLACE):
        sys.modules.setdefault(parent, types.ModuleType(parent))
    module = importlib.util.module_from_spec(spec)
    sys.modules[f"{PLACE}.{name}"] = module
    spec.loader.exec_module(module)
    return module


def controllers(path: Path, pair: str, root: str) -> dict[str, Any]:
    """Return hummingbot's own controller, and ours, listening."""
    stock = loaded("ai_livestream", path)
    ours = loaded("cryptosite_livestream", OURS)
    market = SimpleNamespace(
        time=time.time,
        initialize_rate_sources=lambda pairs: None,
        get_price_by_type=lambda *_: PRICE,
    )
    given: dict[str, Any] = {
        "id": "trial",
        "connector_name": "binance",
        "trading_pair": pair,
        "total_amount_quote": Decimal(1000),
        "topic": root,
        "leverage": 1,
        "stop_loss": Decimal(1),
        "take_profit": Decimal(1),
        "time_limit": 10_800,
    }
    made = {
        "ai_livestream": stock.AILivestreamController(
            stock.AILivestreamControllerConfig(**given), market, asyncio.Queue()
        ),
        "cryptosite_livestream": ours.CryptositeLivestreamController(
            ours.CryptositeLivestreamControllerConfig(**given), market, asyncio.Queue()
        ),
    }
    for name, each in made.items():
        if each._ml_signal_listener is None:
            raise RuntimeError(f"{name} does not listen")
    return made


def proposed(bot: Any) -> list[dict[str, Any]]:
    """Return the positions that the controller would open now."""
    made = [action.executor_config for action in bot.create_actions_proposal()]
    return [
        {
            "side": each.side.name,
            "stop_loss": float(each.triple_barrier_config.stop_loss),
            "take_profit": float(each.triple_barrier_config.take_profit),
        }
        for each in made
    ]


async def turn(bots: dict[str, Any]) -> None:
    """Let the controllers take their turns, and tell when one changes its mind by itself."""
    while True:
        for name, bot in bots.items():
            before = bot.processed_data.get("signal")
            await bot.update_processed_data()
            if bot.processed_data.get("signal") != before:
                others = {each: held.processed_data["signal"] for each, held in bots.items()}
                print(json.dumps({"by_itself": name, "signals": others}), flush=True)
        await asyncio.sleep(0.05)


async def listen(arguments: argparse.Namespace) -> None:
    gateway = bridge(arguments.port)
    bots: dict[str, Any] = {}
    if arguments.controller is not None:
        bots = controllers(arguments.controller, arguments.pair, arguments.root)

    def heard(message: dict[str, Any], topic: str) -> None:
        # Called after the controllers, which listened first.
        told: dict[str, Any] = {"topic": topic, "message": message}
        told["signals"] = {name: bot.processed_data["signal"] for name, bot in bots.items()}
        told["proposed"] = {name: proposed(bot) for name, bot in bots.items()}
        print(json.dumps(told), flush=True)

    pair = arguments.pair.replace("-", "_").lower()
    topic = f"{arguments.root}/{pair}/ML_SIGNALS"
    ExternalTopicFactory.create_async(topic=topic, callback=heard, use_bot_prefix=False)
    running = asyncio.create_task(gateway._run())
    while not gateway.health:  # noqa: ASYNC110  (the bridge sets no event)
        await asyncio.sleep(0.05)
    print(json.dumps({"topic": None, "ready": True}), flush=True)
    await asyncio.gather(running, turn(bots))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--pair", default="BTC-USDT")
    parser.add_argument("--root", default="hbot/predictions")
    parser.add_argument("--controller", type=Path)
    asyncio.run(listen(parser.parse_args()))
