"""The documents as tests read them: tables, code blocks, examples, links."""

import json
import re
import shlex
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
README = ROOT / "README.md"
API = ROOT / "docs" / "api.md"
ARCHITECTURE = ROOT / "docs" / "architecture.md"
REFERENCE = ROOT / "docs" / "reference.md"
OPERATIONS = ROOT / "docs" / "operations.md"
INTEGRATIONS = ROOT / "docs" / "integrations" / "README.md"
WEBHOOKS = ROOT / "docs" / "integrations" / "webhooks.md"
DOCUMENTS = (README, API, ARCHITECTURE, REFERENCE, OPERATIONS, INTEGRATIONS, WEBHOOKS)

_BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block: its language and its text."""

    language: str
    text: str


@dataclass(frozen=True, slots=True)
class Example:
    """A curl command, and the JSON that the document shows for its answer."""

    url: str
    answer: Any


def blocks(document: Path) -> list[Block]:
    return [Block(language, text) for language, text in _BLOCK.findall(document.read_text())]


def json_blocks(document: Path) -> list[Any]:
    """Return every JSON block, parsed. Raises ValueError where one is not JSON."""
    return [json.loads(block.text) for block in blocks(document) if block.language == "json"]


def examples(document: Path) -> list[Example]:
    """Return each curl command that is followed at once by a JSON block."""
    found = blocks(document)
    pairs = pairwise(found)
    return [
        _example(command.text, json.loads(answer.text))
        for command, answer in pairs
        if command.language == "sh" and "curl " in command.text and answer.language == "json"
    ]


def curls(document: Path) -> list[str]:
    """Return the address of every curl command, in order."""
    shells = (block.text for block in blocks(document) if block.language == "sh")
    commands = (line for text in shells for line in text.splitlines() if line.startswith("curl "))
    return [_address(command) for command in commands]


def section(document: Path, heading: str) -> str:
    """Return the text under a heading, to the next of its level or above."""
    level, rest = heading.split(" ", 1)
    text = re.sub(r"^(```.*?^```)$", _blanked, document.read_text(), flags=re.M | re.S)
    pattern = rf"^{level} {re.escape(rest)}\n(.*?)(?=^#{{1,{len(level)}}} |\Z)"
    found = re.search(pattern, text, re.MULTILINE | re.DOTALL)
    if found is None:
        raise ValueError(f"{document.name} has no heading {heading!r}")
    return found[1]


def rows(text: str) -> list[list[str]]:
    """Return the body rows of the tables in `text`, cells as written."""
    lines = text.splitlines()
    pairs = zip(lines, [*lines[1:], ""], strict=True)
    # A table's head is the row above its rule.
    body = (line for line, below in pairs if line.startswith("| ") and below[:4] != "|---")
    return [[cell.strip() for cell in line.strip().strip("|").split(" | ")] for line in body]


def table(document: Path, heading: str) -> dict[str, str]:
    """Return first cell (without backticks) → second cell of the tables under a heading."""
    return {row[0].strip("`"): row[1] for row in rows(section(document, heading))}


def names(document: Path, heading: str) -> set[str]:
    """Return every backticked name in the first cells of the tables under a heading."""
    cells = (row[0] for row in rows(section(document, heading)))
    return {name for cell in cells for name in re.findall(r"`([^`]+)`", cell)}


def links(document: Path) -> list[str]:
    return _LINK.findall(re.sub(_BLOCK, "", document.read_text()))


def anchors(document: Path) -> set[str]:
    """Return the anchors that a Markdown reader makes of the headings."""
    headings = re.findall(r"^#+ (.+)$", re.sub(_BLOCK, "", document.read_text()), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def same_fields(shown: Any, answered: Any, where: str = "answer") -> None:
    """Hold an example against a real answer: same fields, all the way down.

    Null on either side stands for any value, `{}` in the example for any object; of lists
    the first entries are compared. Raises ValueError naming the field that differs.
    """
    if shown is None or answered is None or shown == {}:
        return
    if isinstance(shown, dict):
        if not isinstance(answered, dict) or set(shown) != set(answered):
            raise ValueError(f"{where}: shown {sorted(shown)}, answered {answered!r:.500}")
        for name, value in shown.items():
            same_fields(value, answered[name], f"{where}.{name}")
    elif isinstance(shown, list):
        if not isinstance(answered, list):
            raise ValueError(f"{where}: a list is shown, answered {answered!r:.200}")
        if shown and answered:
            same_fields(shown[0], answered[0], f"{where}[0]")
    elif isinstance(shown, bool) != isinstance(answered, bool) or isinstance(
        shown, str
    ) != isinstance(answered, str):
        raise ValueError(f"{where}: shown {shown!r}, answered {answered!r:.200}")


def _example(command: str, answer: Any) -> Example:
    return Example(_address(command), answer)


def _address(command: str) -> str:
    (url,) = (word for word in shlex.split(command) if word.startswith("http"))
    return url


def _blanked(block: re.Match[str]) -> str:
    return "\n" * block[0].count("\n")
