"""hummingbot's own MQTT bridge and controller, told what to hear; run in hummingbot's environment.

Started by hummingbot_trial.py. A line of JSON a message: what hummingbot then would do. The bridge
(hummingbot.remote_iface.mqtt) comes with the package; the controller, ai_livestream.py, only with
hummingbot's repository: without it the bridge alone is tried.
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


def controller(path: Path, pair: str, root: str) -> Any:
    """Return hummingbot's ai_livestream controller, listening."""
    spec = importlib.util.spec_from_file_location("ai_livestream", path)
    if spec is None or spec.loader is None:
        raise FileNotFoundError(path)
    module = importlib.util.module_from_spec(spec)
    sys.modules["ai_livestream"] = module
    spec.loader.exec_module(module)
    config = module.AILivestreamControllerConfig(
        id="trial",
        connector_name="binance",
        trading_pair=pair,
        total_amount_quote=Decimal(1000),
        topic=root,
        leverage=1,
        stop_loss=Decimal(1),
        take_profit=Decimal(1),
        time_limit=10_800,
    )
    market = SimpleNamespace(
        time=time.time,
        initialize_rate_sources=lambda pairs: None,
        get_price_by_type=lambda *_: PRICE,
    )
    return module.AILivestreamController(config, market, asyncio.Queue())


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


async def listen(arguments: argparse.Namespace) -> None:
    gateway = bridge(arguments.port)
    bot = None
    if arguments.controller is not None:
        bot = controller(arguments.controller, arguments.pair, arguments.root)
        if bot._ml_signal_listener is None:
            raise RuntimeError("the controller's listener did not start")

    def heard(message: dict[str, Any], topic: str) -> None:
        # Called after the controller, which listened first.
        told: dict[str, Any] = {"topic": topic, "message": message}
        if bot is not None:
            told |= {"signal": bot.processed_data["signal"], "proposed": proposed(bot)}
        print(json.dumps(told), flush=True)

    pair = arguments.pair.replace("-", "_").lower()
    topic = f"{arguments.root}/{pair}/ML_SIGNALS"
    ExternalTopicFactory.create_async(topic=topic, callback=heard, use_bot_prefix=False)
    running = asyncio.create_task(gateway._run())
    while not gateway.health:  # noqa: ASYNC110  (the bridge sets no event)
        await asyncio.sleep(0.05)
    print(json.dumps({"ready": True, "controller": bot is not None}), flush=True)
    await running


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--pair", default="BTC-USDT")
    parser.add_argument("--root", default="hbot/predictions")
    parser.add_argument("--controller", type=Path)
    asyncio.run(listen(parser.parse_args()))
