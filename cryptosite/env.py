"""Read settings from the environment; refuse bad values; remember where each came from.

Every reader names the variable and what is allowed when it refuses. A secret may be given as
`NAME_FILE`, the path of a file that holds it.
"""

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit

from django.core.exceptions import ImproperlyConfigured

Value = TypeVar("Value")
Text = TypeVar("Text", bound=str)

TRUE = {"1", "true", "yes", "on"}
FALSE = {"0", "false", "no", "off"}


@dataclass(frozen=True, slots=True)
class Origin:
    """One setting as `manage.py show_config` prints it."""

    name: str
    value: object
    source: str
    secret: bool


ORIGINS: dict[str, Origin] = {}


def text(name: str, default: str = "", *, secret: bool = False) -> str:
    return _read(name, default, str, secret=secret)


def integer(name: str, default: int, *, minimum: int, maximum: int) -> int:
    def parse(raw: str) -> int:
        value = int(raw)
        if not minimum <= value <= maximum:
            raise ValueError
        return value

    return _read(name, default, parse, allowed=f"a whole number from {minimum} to {maximum}")


def number(name: str, default: float, *, minimum: float, maximum: float) -> float:
    def parse(raw: str) -> float:
        value = float(raw)
        if not minimum <= value <= maximum:
            raise ValueError
        return value

    return _read(name, default, parse, allowed=f"a number from {minimum:g} to {maximum:g}")


def flag(name: str, default: bool) -> bool:
    def parse(raw: str) -> bool:
        lowered = raw.lower()
        if lowered not in TRUE | FALSE:
            raise ValueError
        return lowered in TRUE

    return _read(name, default, parse, allowed="true or false")


def choice(name: str, default: Text, allowed: tuple[Text, ...]) -> Text:
    def parse(raw: str) -> Text:
        for value in allowed:
            if value == raw:
                return value
        raise ValueError

    return _read(name, default, parse, allowed="one of " + ", ".join(allowed))


def server(name: str) -> str:
    """Read the address of another server, `http://host:port`; empty where it is not set."""

    def parse(raw: str) -> str:
        parts = urlsplit(raw.rstrip("/"))
        extra = parts.path or parts.query or parts.fragment or parts.username or parts.password
        if parts.scheme not in {"http", "https"} or not parts.hostname or extra or parts.port == 0:
            raise ValueError
        return parts.geturl()

    return _read(name, "", parse, allowed="http://host:port or https://host:port, nothing else")


def items(
    name: str, default: tuple[str, ...], parse_item: Callable[[str], str] = str
) -> tuple[str, ...]:
    """Read a comma-separated list; order kept, repetitions and blanks dropped."""

    def parse(raw: str) -> tuple[str, ...]:
        parts = [parse_item(part.strip()) for part in raw.split(",") if part.strip()]
        return tuple(dict.fromkeys(parts))

    return _read(name, default, parse, allowed="a comma-separated list")


def note(name: str, value: object, source: str) -> None:
    """Record a secret that came from somewhere else than the environment."""
    ORIGINS[name] = Origin(name, value, source, True)


def _read(
    name: str,
    default: Value,
    parse: Callable[[str], Value],
    *,
    allowed: str = "text",
    secret: bool = False,
) -> Value:
    raw, source = os.environ.get(name), "environment"
    file_name = os.environ.get(f"{name}_FILE") if secret else None
    if file_name:
        if raw:
            raise ImproperlyConfigured(f"{name} and {name}_FILE are both set; set one")
        try:
            raw, source = Path(file_name).read_text().strip(), file_name
        except OSError as error:
            raise ImproperlyConfigured(f"{name}_FILE: cannot read {file_name}: {error}") from error
    if raw is None or raw.strip() == "":
        ORIGINS[name] = Origin(name, default, "default", secret)
        return default
    try:
        value = parse(raw.strip())
    except ValueError as error:
        shown = "(hidden)" if secret else repr(raw)
        detail = f" ({error})" if str(error) else ""
        raise ImproperlyConfigured(f"{name}={shown}: must be {allowed}{detail}") from error
    ORIGINS[name] = Origin(name, value, source, secret)
    return value
