"""Settings from the command line: shown with their sources, refused without a traceback."""

import json
import subprocess
import sys
from base64 import b64encode
from pathlib import Path

import pytest

from cryptosite.configuration import MASK
from tests.collected import give_static_files

ROOT = Path(__file__).resolve().parents[2]


def manage(env: dict[str, str], *arguments: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "manage.py", *arguments]
    return subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=180)


def test_show_config_tells_sources_and_masks_secrets(instance_env: dict[str, str]) -> None:
    env = instance_env | {
        "API_TOKEN": "hush-hush-hush-hush",
        "REDIS_URL": "redis://:hush-hush@127.0.0.1:1/0",
        "ALERT_URLS": "tgram://123456:hush/987654, ntfys://ntfy.sh/hush",
        "WEBHOOK_URLS": "https://bot.example.org/hooks/hush?key=hush",
        "WEBHOOK_SECRET": f"whsec_{b64encode(b'hush' * 8).decode()}",
        "WEB_PORT": "8123",
        "MODEL_PATH": "models/other.onnx",
    }
    done = manage(env, "show_config", "--json")
    assert done.returncode == 0, done.stderr
    assert "hush" not in done.stdout
    found = {entry["name"]: entry for entry in json.loads(done.stdout)["settings"]}
    assert (found["WEB_PORT"]["value"], found["WEB_PORT"]["source"]) == (8123, "environment")
    assert found["ALERT_URLS"]["value"] == f"tgram://{MASK}, ntfys://{MASK}"
    assert found["BIND_HOST"]["source"] == "default"
    assert found["SECRET_KEY"]["source"].startswith("generated, ")
    assert found["model.path"]["source"] == "environment MODEL_PATH"
    assert found["health.port"]["source"].endswith("config/inference.yaml")
    plain = manage(env, "show_config")
    assert plain.returncode == 0
    assert "hush" not in plain.stdout
    assert all(name in plain.stdout for name in found)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("WEB_PORT", "abc"),
        ("DEBUG", "maybe"),
        ("MARKET_SOURCE", "moon"),
        ("REDIS_URL", "http://127.0.0.1"),
        ("DATABASE_URL", "nonsense"),
        ("REDIS_MAXMEMORY", "lots"),
        ("BIND_HOST", "0.0.0.0"),
        ("CONFIG_FILE", "/no/such/file.yaml"),
    ],
)
def test_command_with_bad_setting_names_it_and_ends_as_refused(
    name: str, value: str, instance_env: dict[str, str]
) -> None:
    done = manage(instance_env | {name: value}, "show_config")
    assert done.returncode == 78
    assert done.stderr.startswith("configuration refused: ")
    assert name in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_command_with_contradicting_settings_ends_with_the_checks_hint(
    instance_env: dict[str, str],
) -> None:
    done = manage(instance_env | {"MARKET_SOURCE": "replay"}, "start_instance")
    assert done.returncode == 1
    assert "cryptosite.E001" in done.stderr
    assert "MARKET_REPLAY" in done.stderr


def test_check_names_an_address_that_apprise_cannot_read_without_telling_it(
    instance_env: dict[str, str],
) -> None:
    done = manage(instance_env | {"ALERT_URLS": "json://127.0.0.1:1,foo://hush/x"}, "check")
    assert done.returncode == 1
    assert "cryptosite.E017) ALERT_URLS: apprise cannot read number 2, foo://…" in done.stderr
    assert "hush" not in done.stderr + done.stdout


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"MARKET_SOURCE": "replay", "MARKET_REPLAY": "/no/such/folder"}, "/no/such/folder"),
    ],
)
def test_start_with_a_market_that_cannot_be_had_stops_and_says_so(
    instance_env: dict[str, str], settings: dict[str, str], named: str
) -> None:
    done = manage(instance_env | settings, "start_instance")
    assert done.returncode == 1
    assert named in done.stderr


def test_setup_instance_twice_makes_one_admin(instance_env: dict[str, str]) -> None:
    give_static_files(instance_env)
    first = manage(instance_env, "setup_instance")
    assert first.returncode == 0, first.stderr
    assert "admin account: name admin" in first.stdout
    second = manage(instance_env, "setup_instance")
    assert second.returncode == 0, second.stderr
    assert second.stdout == ""
