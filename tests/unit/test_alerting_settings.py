"""Addresses and secrets of alerts as the settings read them; what is refused is not shown."""

import runpy
from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured

from cryptosite import env
from predictions.webhooks.signing import signature

MODULE = Path(env.__file__).parent / "settings" / "alerting.py"
SECRET = "whsec_a2tra2tra2tra2tra2tra2tra2tra2tra2tra2tra2s="


@pytest.fixture(autouse=True)
def origins(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(env, "ORIGINS", {})


def read(monkeypatch: pytest.MonkeyPatch, **environment: str) -> dict[str, Any]:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    return runpy.run_path(str(MODULE))


def test_alerting_without_settings_has_nothing_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    found = read(monkeypatch)

    assert (found["ALERT_URLS"], found["WEBHOOK_URLS"], found["ALERTING"]) == ((), (), False)


def test_addresses_are_parted_where_the_next_begins(monkeypatch: pytest.MonkeyPatch) -> None:
    two = "mailto://a:b@example.org?to=x@example.org,y@example.org, json://127.0.0.1/a"

    found = read(monkeypatch, ALERT_URLS=two)

    assert found["ALERT_URLS"] == (
        "mailto://a:b@example.org?to=x@example.org,y@example.org",
        "json://127.0.0.1/a",
    )
    assert found["ALERTING"]


def test_addresses_may_come_from_a_file_a_line_each(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "urls").write_text("json://one\njson://two\njson://one\n")

    found = read(monkeypatch, SIGNAL_ALERT_URLS_FILE=str(tmp_path / "urls"))

    assert found["SIGNAL_ALERT_URLS"] == ("json://one", "json://two")


def test_webhook_secret_is_read_as_its_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    found = read(monkeypatch, WEBHOOK_URLS="http://10.0.0.7:9000/x", WEBHOOK_SECRET=SECRET)

    assert found["WEBHOOK_KEY"] == b"k" * 32


@pytest.mark.parametrize(
    ("environment", "named"),
    [
        ({"ALERT_URLS": "hunter2"}, "ALERT_URLS: number 1"),
        ({"WEBHOOK_URLS": "https://a/,ftp://hunter2", "WEBHOOK_SECRET": SECRET}, "number 2"),
        ({"WEBHOOK_URLS": "https://hunter2:port/", "WEBHOOK_SECRET": SECRET}, "number 1"),
        ({"WEBHOOK_URLS": "https:///hunter2", "WEBHOOK_SECRET": SECRET}, "number 1"),
        ({"WEBHOOK_URLS": "https://hunter2/"}, "set WEBHOOK_SECRET as well"),
        ({"WEBHOOK_SECRET": "hunter2"}, "WEBHOOK_SECRET .* whsec_"),
        ({"WEBHOOK_SECRET": "whsec_hunter2"}, "24 to 64 random bytes"),
        ({"WEBHOOK_SECRET": SECRET.removeprefix("whsec_")}, "whsec_"),
        ({"SIGNAL_ALERT_CONFIDENCE": "70"}, "from 0 to 1"),
        ({"PUBLIC_URL": "example.org"}, "PUBLIC_URL"),
    ],
)
def test_bad_setting_is_refused_by_name_and_not_shown(
    monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], named: str
) -> None:
    with pytest.raises(ImproperlyConfigured, match=named) as refused:
        read(monkeypatch, **environment)

    assert "hunter2" not in str(refused.value)


def test_signature_is_that_of_the_standards_own_library() -> None:
    made = signature(b"k" * 32, "sig_1", 1_795_262_400, b'{"type":"signal.created"}')

    assert made == "v1,oHgc50CW6QwvgWtefINlVKR0rk3tBS7eU9B5EU4/3b4="
