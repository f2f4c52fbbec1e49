"""The MQTT publisher's own parts: where the broker is, how topics are called."""

import runpy
import traceback
from pathlib import Path

import orjson
import pytest
import yaml
from django.core.exceptions import ImproperlyConfigured

from cryptosite import env
from inference.signals.entry import Said
from market.candles.timeframes import Timeframe
from market.symbols import DEFAULT_SIGNAL_SYMBOLS
from predictions.mqtt.address import BrokerAddress, parse_address
from predictions.mqtt.messages import StandAside, signal_message
from predictions.mqtt.topics import Topics, pair_of
from tests.documents import INTEGRATIONS, blocks, json_blocks, same_fields
from tests.signals import signal

SETTINGS = Path(env.__file__).parent / "settings" / "mqtt.py"


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("mqtt://broker", BrokerAddress("broker", 1883, False)),
        ("mqtts://broker", BrokerAddress("broker", 8883, True)),
        ("mqtt://10.0.0.1:1884/", BrokerAddress("10.0.0.1", 1884, False)),
        ("mqtt://[::1]:1884", BrokerAddress("::1", 1884, False)),
        ("mqtts://u%40x:p%3A%2F@b:1", BrokerAddress("b", 1, True, "u@x", "p:/")),
    ],
)
def test_address_is_read_out_of_the_url(url: str, address: BrokerAddress) -> None:
    assert parse_address(url) == address


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("http://user:hush@broker", "mqtt:// or mqtts://"),
        ("mqtt://user:hush@", "names no host"),
        ("mqtt://user:hush@broker:0", "1 to 65535"),
        ("mqtt://user:hush@broker:99999", "1 to 65535"),
        ("mqtt://user:hush@broker:port", "1 to 65535"),
        ("mqtt://user:hush@broker/topic", "MQTT_TOPIC"),
        ("mqtt://user:hush/word@broker", "1 to 65535"),
        ("mqtt://user:hush\N{ACCOUNT OF}@broker", "not to be told apart"),
    ],
)
def test_address_that_cannot_be_is_refused_without_its_password(url: str, why: str) -> None:
    with pytest.raises(ValueError, match=why) as refusal:
        parse_address(url)
    assert "hush" not in "".join(traceback.format_exception(refusal.value, limit=-1))


def test_address_never_shows_its_password() -> None:
    address = parse_address("mqtts://user:hush@broker")
    assert "hush" not in f"{address} {address!r}"


@pytest.mark.parametrize(
    ("symbol", "pair"),
    [
        ("BTCUSDT", "btc_usdt"),
        ("1000SATSUSDT", "1000sats_usdt"),
        ("BTCUSD", "btc_usd"),
        ("ETHBTC", "eth_btc"),
        ("USDT", None),
        ("BTCXYZ", None),
    ],
)
def test_pair_is_written_as_hummingbot_writes_it(symbol: str, pair: str | None) -> None:
    assert pair_of(symbol) == pair


def test_pairs_of_all_coins_are_known() -> None:
    assert all(pair_of(symbol) for symbol in DEFAULT_SIGNAL_SYMBOLS)


def test_topics_put_the_plain_timeframe_at_the_root_too() -> None:
    topics = Topics("hbot/predictions", Timeframe.H1)
    assert topics.signals("btc_usdt", Timeframe.M15) == (
        "hbot/predictions/15m/btc_usdt/ML_SIGNALS",
    )
    assert topics.signals("btc_usdt", Timeframe.H1) == (
        "hbot/predictions/1h/btc_usdt/ML_SIGNALS",
        "hbot/predictions/btc_usdt/ML_SIGNALS",
    )


@pytest.mark.parametrize(
    ("name", "value", "allowed"),
    [
        ("MQTT_URL", "tcp://user:hush@broker", r"MQTT_URL=\(hidden\).*mqtt"),
        ("MQTT_TOPIC", "hbot/#", "MQTT_TOPIC.*without \\+ and #"),
        ("MQTT_TOPIC", "/hbot", "MQTT_TOPIC.*joined by /"),
        ("MQTT_TIMEFRAME", "2h", "MQTT_TIMEFRAME.*15m, 1h, 4h, 1d"),
    ],
)
def test_bad_setting_is_refused_with_what_is_allowed(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, allowed: str
) -> None:
    monkeypatch.setattr(env, "ORIGINS", {})
    monkeypatch.setenv(name, value)
    with pytest.raises(ImproperlyConfigured, match=allowed) as refusal:
        runpy.run_path(str(SETTINGS))
    assert "hush" not in str(refusal.value)


def test_message_has_the_documented_fields() -> None:
    said = Said(signal(at_ms=1_766_927_700_800, venue="binance", live=True))
    (shown,) = json_blocks(INTEGRATIONS)
    same_fields(shown, orjson.loads(signal_message(said, StandAside.NONE)))


def test_hummingbots_settings_are_documented_for_our_own_root() -> None:
    (block,) = (each for each in blocks(INTEGRATIONS) if each.language == "yaml")
    assert yaml.safe_load(block.text)["topic"] == "hbot/predictions"
