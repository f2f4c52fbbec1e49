"""What hummingbot does with what `run_mqtt` publishes: a real broker, the real bot's code.

Run by hummingbot.sh, from the project's environment. Prints one JSON line; exit status 1 where
hummingbot did something else than was said.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import django

ROOT = Path(__file__).resolve().parents[3]
sys.path.insert(0, str(ROOT))
os.environ["DJANGO_SETTINGS_MODULE"] = "cryptosite.settings"
django.setup()

import redis

from cryptosite.processes.redis_layout import find_program, locate
from cryptosite.processes.redis_server import RedisServer
from inference.signals.signal import Signal
from inference.vocabulary import Direction, SignalReason
from market.candles.timeframes import Timeframe
from predictions.mqtt.address import parse_address
from predictions.mqtt.loop import PublishingLoop
from predictions.mqtt.topics import Topics
from tests.integration.mqtt_said import say, spoken
from tests.mqtt_broker import Broker

PATIENCE_SECONDS = 20.0
VALID_MS = 1_500


def brief(direction: Direction, **changes: Any) -> Signal:
    """Return a live signal of 15m that is valid for VALID_MS from now."""
    return spoken(left_ms=VALID_MS, direction=direction, **changes)


class Bot:
    """hummingbot's process; what it told, in order."""

    def __init__(self, command: list[str]) -> None:
        self.told: list[dict[str, Any]] = []
        self.by_itself: list[dict[str, Any]] = []
        self._child = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        threading.Thread(target=self._read, daemon=True).start()

    def wait(self, count: int) -> None:
        """Wait until it told so many things. Raises TimeoutError."""
        until = time.monotonic() + PATIENCE_SECONDS
        while len(self.told) < count:
            if time.monotonic() > until or self._child.poll() is not None:
                raise TimeoutError(f"hummingbot told {len(self.told)} things of {count}")
            time.sleep(0.02)

    def stop(self) -> None:
        self._child.kill()
        self._child.wait()

    def _read(self) -> None:
        for line in self._child.stdout or ():
            told = json.loads(line)
            (self.by_itself if "by_itself" in told else self.told).append(told)


def trial(client: redis.Redis, broker: Broker, bot: Bot) -> list[dict[str, Any]]:
    """Say a LONG, a weak one, one of a replay and a SHORT, and a LONG before the broker dies.

    Return what hummingbot made of each message, and at last of none.
    """
    stopping = threading.Event()
    address = parse_address(broker.url)
    topics = Topics("hbot/predictions", Timeframe.M15)
    loop = PublishingLoop(client, address, topics, stopping.is_set, block_ms=20)
    publisher = threading.Thread(target=loop.run)
    publisher.start()
    try:
        bot.wait(1)
        say(client, brief(Direction.LONG))
        bot.wait(3)  # said, and withdrawn when it expired
        weak: dict[str, Any] = {"probabilities": (0.2, 0.2, 0.6), "confidence": 0.6}
        reason = SignalReason.BELOW_THRESHOLD
        say(client, brief(Direction.NO_TRADE, reason=reason, **weak))
        bot.wait(4)
        say(client, brief(Direction.LONG, live=False, venue="replay/binance-spot-btcusdt/1"))
        say(client, brief(Direction.SHORT))
        bot.wait(6)
        withheld = dict(loop.publishing.withheld)
        say(client, brief(Direction.LONG))
        bot.wait(7)
        bot.by_itself.clear()
        broker.stop()
        time.sleep(VALID_MS / 1000 + 1)
    finally:
        stopping.set()
        publisher.join()
    if withheld != {"not_live": 1}:
        raise RuntimeError(f"withheld: {withheld}")
    return [*bot.told[1:], *bot.by_itself]


EXPECTED = [(1, ""), (0, "expired"), (0, "no_trade"), (-1, ""), (0, "expired"), (1, "")]
"""hummingbot's signal after each message, and why it was told to stand aside."""
ALONE = {"ai_livestream": 1, "cryptosite_livestream": 0}
"""The same once that last one is over, without a message."""


def as_said(told: list[dict[str, Any]], *, controllers: bool) -> bool:
    """Return whether hummingbot did what was said."""
    heard = [each for each in told if "message" in each]
    asides = [each["message"]["stand_aside"] for each in heard]
    if asides != [aside for _, aside in EXPECTED] or not controllers:
        return asides == [aside for _, aside in EXPECTED]
    signals = [set(each["signals"].values()) for each in heard]
    alone = [each["signals"] for each in told if "by_itself" in each]
    return signals == [{value} for value, _ in EXPECTED] and alone == [ALONE]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--python", required=True, help="of hummingbot's environment")
    parser.add_argument("--controller", help="ai_livestream.py of hummingbot's repository")
    arguments = parser.parse_args()
    with (
        tempfile.TemporaryDirectory(prefix="cs-") as folder,
        RedisServer(locate(Path(folder)), find_program(), memory="64mb") as server,
        redis.Redis.from_url(server.instance.url) as client,
    ):
        broker = Broker(Path(folder)).start()
        command = [arguments.python, str(Path(__file__).with_name("hummingbot_bot.py"))]
        command += ["--port", str(broker.port)]
        command += ["--controller", arguments.controller] if arguments.controller else []
        bot = Bot(command)
        try:
            told = trial(client, broker, bot)
        finally:
            bot.stop()
            broker.stop()
    done = as_said(told, controllers=arguments.controller is not None)
    shown = [
        {
            "stand_aside": each.get("message", {}).get("stand_aside"),
            "signals": each["signals"],
            "proposed": each.get("proposed"),
        }
        for each in told
    ]
    print(json.dumps({"as_said": done, "hummingbot": shown}))
    return 0 if done else 1


if __name__ == "__main__":
    sys.exit(main())
