"""Readers of the environment: defaults, refusals that name the variable, secrets from files."""

from collections.abc import Callable
from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured

from cryptosite import env
from cryptosite.settings.security import _own_secret_key


def test_text_unset_or_blank_gives_default_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    for raw in (None, "", "  "):
        if raw is None:
            monkeypatch.delenv("T_NAME", raising=False)
        else:
            monkeypatch.setenv("T_NAME", raw)
        assert env.text("T_NAME", "usual") == "usual"
        assert env.ORIGINS["T_NAME"].source == "default"


def test_text_set_gives_value_and_says_where_from(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("T_NAME", " given ")
    assert env.text("T_NAME", "usual") == "given"
    assert env.ORIGINS["T_NAME"] == env.Origin("T_NAME", "given", "environment", False)


@pytest.mark.parametrize(
    ("read", "raw", "allowed"),
    [
        (lambda: env.integer("T_NAME", 1, minimum=1, maximum=9), "10", "from 1 to 9"),
        (lambda: env.integer("T_NAME", 1, minimum=1, maximum=9), "1.5", "whole number"),
        (lambda: env.number("T_NAME", 1, minimum=0, maximum=2), "-0.1", "from 0 to 2"),
        (lambda: env.number("T_NAME", 1, minimum=0, maximum=2), "nan", "from 0 to 2"),
        (lambda: env.flag("T_NAME", False), "maybe", "true or false"),
        (lambda: env.choice("T_NAME", "a", ("a", "b")), "c", "one of a, b"),
        (lambda: env.server("T_NAME"), "localhost:9000", "http://host:port"),
        (lambda: env.server("T_NAME"), "http://user:word@host", "http://host:port"),
        (lambda: env.server("T_NAME"), "http://host/api", "http://host:port"),
        (lambda: env.server("T_NAME"), "http://host:99999", "http://host:port"),
        (lambda: env.server("T_NAME"), "ws://host:9000", "http://host:port"),
    ],
)
def test_reader_given_bad_value_names_variable_and_what_is_allowed(
    read: Callable[[], object], raw: str, allowed: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("T_NAME", raw)
    with pytest.raises(ImproperlyConfigured) as refusal:
        read()
    assert "T_NAME" in str(refusal.value)
    assert raw in str(refusal.value)
    assert allowed in str(refusal.value)


@pytest.mark.parametrize(("raw", "value"), [("1", True), ("YES", True), ("off", False)])
def test_flag_takes_usual_spellings(raw: str, value: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("T_NAME", raw)
    assert env.flag("T_NAME", not value) is value


def test_server_takes_an_address_with_or_without_a_port(monkeypatch: pytest.MonkeyPatch) -> None:
    assert env.server("T_NAME") == ""
    monkeypatch.setenv("T_NAME", "https://exchange.example:8443/")
    assert env.server("T_NAME") == "https://exchange.example:8443"


def test_items_keep_order_and_drop_repetitions(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("T_NAME", "b, a,,b")
    assert env.items("T_NAME", ()) == ("b", "a")


def test_secret_is_read_from_its_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "token"
    file.write_text("from-file\n")
    monkeypatch.delenv("T_NAME", raising=False)
    monkeypatch.setenv("T_NAME_FILE", str(file))
    assert env.text("T_NAME", secret=True) == "from-file"
    assert env.ORIGINS["T_NAME"] == env.Origin("T_NAME", "from-file", str(file), True)
    assert env.text("T_NAME", "not a secret") == "not a secret"


def test_secret_given_twice_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("T_NAME", "a")
    monkeypatch.setenv("T_NAME_FILE", str(tmp_path / "token"))
    with pytest.raises(ImproperlyConfigured, match="T_NAME and T_NAME_FILE are both set"):
        env.text("T_NAME", secret=True)


def test_secret_in_missing_file_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("T_NAME", raising=False)
    monkeypatch.setenv("T_NAME_FILE", str(tmp_path / "absent"))
    with pytest.raises(ImproperlyConfigured, match=r"T_NAME_FILE: cannot read .*absent"):
        env.text("T_NAME", secret=True)


def test_var_dir_that_is_no_folder_is_refused_by_name(tmp_path: Path) -> None:
    file = tmp_path / "var"
    file.write_text("a file where a folder belongs")
    with pytest.raises(ImproperlyConfigured, match=r"VAR_DIR='.*var' is no folder that can be"):
        _own_secret_key(file)
    assert _own_secret_key(tmp_path / "new") == (tmp_path / "new" / "secret_key").read_text()
