"""Contradictions among settings are named with an id and a hint."""

from pathlib import Path
from typing import Any

import msgspec
import pytest

from cryptosite.checks import check_settings
from cryptosite.processes.redis_layout import locate, memory_bytes
from predictions.transparency.notes import Signer


def ids() -> set[str | None]:
    found = check_settings()
    assert all(message.hint for message in found)
    return {message.id for message in found}


def configure(settings: Any, section: str, **values: object) -> None:
    changed = msgspec.structs.replace(getattr(settings.INFERENCE, section), **values)
    settings.INFERENCE = msgspec.structs.replace(settings.INFERENCE, **{section: changed})


def test_checks_on_defaults_find_nothing() -> None:
    assert ids() == set()


@pytest.mark.parametrize(
    ("values", "found"),
    [
        ({"MARKET_SOURCE": "replay", "MARKET_REPLAY": ()}, {"cryptosite.E001"}),
        ({"MARKET_SOURCE": "simulated", "MARKET_REPLAY": ("x",)}, {"cryptosite.W002"}),
        (
            {"MARKET_SOURCE": "simulated", "EXCHANGE_URL": "http://127.0.0.1:1"},
            {"cryptosite.W015"},
        ),
        ({"MARKET_SOURCE": "live", "MARKET_SPEED": 60.0}, {"cryptosite.W016"}),
        ({"API_TOKEN": "short"}, {"cryptosite.W003"}),
        (
            {"BIND_HOST": "0.0.0.0", "DEBUG": True, "ALLOWED_HOSTS": ["here.example"]},
            {"cryptosite.E004"},
        ),
        ({"BIND_HOST": "10.0.0.1"}, {"cryptosite.W005"}),
        ({"WEB_PORT": 8083}, {"cryptosite.E006"}),
    ],
)
def test_checks_name_the_contradiction(
    values: dict[str, Any], found: set[str], settings: Any
) -> None:
    for name, value in values.items():
        setattr(settings, name, value)
    if "ALLOWED_HOSTS" not in values:
        settings.ALLOWED_HOSTS = ["127.0.0.1", "localhost", "[::1]"]
    assert ids() == found


def test_checks_find_a_redis_too_small_for_a_day_without_the_database(
    settings: Any, tmp_path: Path
) -> None:
    settings.VAR_DIR = tmp_path
    settings.REDIS_URL = locate(tmp_path).url
    assert ids() == set()
    settings.FORECAST_SYMBOLS = tuple(f"COIN{number}USDT" for number in range(34))
    assert ids() == {"cryptosite.W012"}
    settings.REDIS_MAXMEMORY = "1gb"
    assert ids() == set()
    settings.REDIS_URL = "redis://elsewhere:6379/0"
    settings.REDIS_MAXMEMORY = "1mb"
    assert ids() == set()


@pytest.mark.parametrize(
    ("size", "count"),
    [("7", 7), ("7b", 7), ("2k", 2_000), ("2kb", 2_048), ("3M", 3_000_000), ("1gb", 1024**3)],
)
def test_memory_bytes_reads_sizes_as_redis_does(size: str, count: int) -> None:
    assert memory_bytes(size) == count


def test_checks_find_a_cluster_on_a_socket(settings: Any) -> None:
    settings.REDIS_URL = "unix:///run/redis.sock"
    configure(settings, "redis", cluster_mode=True)
    assert ids() == {"cryptosite.E007"}


def test_checks_find_a_horizon_off_the_grid_and_features_older_than_it(settings: Any) -> None:
    configure(
        settings,
        "prediction",
        target_horizon_seconds=5,
        frequency_seconds=2,
        max_feature_age_seconds=5,
    )
    assert ids() == {"cryptosite.W008", "cryptosite.W009"}


@pytest.mark.parametrize("setting", ["ALERT_URLS", "SIGNAL_ALERT_URLS"])
@pytest.mark.parametrize(
    ("urls", "told"),
    [
        (("json://127.0.0.1:8499", "foo://hush/x"), "apprise cannot read number 2, foo://…"),
        (("json://127.0.0.1:8499,hush",), "apprise cannot read number 1, json://…"),
    ],
)
def test_checks_find_an_address_that_apprise_cannot_read_without_telling_it(
    setting: str, urls: tuple[str, ...], told: str, settings: Any
) -> None:
    setattr(settings, setting, urls)
    [found] = check_settings()
    assert (found.id, found.msg) == ("cryptosite.E017", f"{setting}: {told}.")
    assert found.hint and "https://appriseit.com/services/" in found.hint
    assert "hush" not in str(found)


def test_checks_take_addresses_of_services_that_apprise_knows(settings: Any) -> None:
    settings.ALERT_URLS = ("tgram://123456:AAEbot/987654", "ntfys://ntfy.sh/topic")
    settings.SIGNAL_ALERT_URLS = ("mailto://u:p@example.org?to=a@example.org,b@example.org",)
    assert ids() == set()


SIGNER = Signer("example.org/log", bytes(range(32)))


@pytest.mark.parametrize(
    ("content", "origin", "told"),
    [
        ("hello", "", "begins with PRIVATE"),
        ("", "", "begins with PRIVATE"),
        (SIGNER.text[:-9], "", "base64"),
        (None, "", "it is a folder"),
        (SIGNER.text, "example.org/other", "LEDGER_ORIGIN=example.org/log"),
    ],
)
def test_checks_find_a_key_that_cannot_sign(
    content: str | None, origin: str, told: str, settings: Any, tmp_path: Path
) -> None:
    settings.LEDGER_KEY_FILE = path = tmp_path / "ledger_key"
    settings.LEDGER_ORIGIN = origin
    if content is None:
        path.mkdir()
    else:
        path.touch(mode=0o600)
        path.write_text(content)
    [found] = check_settings()
    assert found.id == "cryptosite.W013" and told in found.msg and str(path) in found.msg


def test_checks_find_a_key_that_others_may_read(settings: Any, tmp_path: Path) -> None:
    settings.LEDGER_KEY_FILE = path = tmp_path / "ledger_key"
    path.write_text(SIGNER.text)
    for mode, found in ((0o600, set()), (0o644, {"cryptosite.W014"}), (0o400, set())):
        path.chmod(mode)
        assert ids() == found
