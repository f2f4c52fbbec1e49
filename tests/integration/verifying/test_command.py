"""The command `verify_ledger`: what it says, remembers and refuses."""

import io
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import redis
from django.core.management import CommandError, call_command
from pytest_django import Settings

from predictions.models import Checkpoint, Signal
from predictions.transparency import verified
from predictions.transparency.notes import Signer
from tests.integration.checked_ledger import SIGNER, TICKS, run
from tests.integration.tampering import tampering

pytestmark = pytest.mark.django_db


def test_command_says_what_was_checked_and_what_may_be_claimed(
    recorded: redis.Redis, key_file: Path
) -> None:
    said = run()
    assert "Nothing differs." in said and f"{TICKS + 2} entries" in said
    assert "evident only to whoever holds an earlier checkpoint" in said
    summary = json.loads(run("--json"))["summary"]
    assert summary["ok"] is True
    assert (summary["entries"], summary["signed_entries"]) == (TICKS + 2, TICKS + 2)


def test_command_compares_with_a_checkpoint_that_was_kept(
    recorded: redis.Redis, key_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = tmp_path / "kept.txt"
    kept.write_text(Checkpoint.objects.get(size=TICKS).note)
    said = run("--against", str(kept), "--vkey", SIGNER.verifier.vkey)
    assert f"None of the first {TICKS} entries" in said
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(kept.read_bytes())))
    assert f"None of the first {TICKS} entries" in run("--against", "-")


def test_command_fails_and_names_the_row_where_one_was_altered(
    recorded: redis.Redis, key_file: Path
) -> None:
    row = Signal.objects.order_by("pk").first()
    assert row is not None
    with tampering():
        Signal.objects.filter(pk=row.pk).update(entry=1.0)
    for form, read in (((), str), (("--json",), json.loads)):
        out = io.StringIO()
        with pytest.raises(CommandError, match="differs in 1 place") as failed:
            call_command("verify_ledger", *form, stdout=out)
        assert failed.value.returncode == 1
        _named(read, out.getvalue().splitlines(), row.pk)


def test_command_that_cannot_remember_its_check_says_so_and_what_it_found(
    recorded: redis.Redis, key_file: Path, settings: Settings, tmp_path: Path
) -> None:
    settings.VAR_DIR = tmp_path
    (tmp_path / verified.NAME).mkdir()
    out, err = io.StringIO(), io.StringIO()

    call_command("verify_ledger", stdout=out, stderr=err)

    assert "Nothing differs." in out.getvalue()
    assert "cannot be remembered" in err.getvalue()


def _named(read: Callable[[str], Any], lines: list[str], key: int) -> None:
    told = read(lines[0])
    if isinstance(told, dict):
        assert told == {
            "kind": "altered", "model": "Signal", "row": str(key), "field": "entry",
            "stored": "1.0", "expected": "100.0",
        }  # fmt: skip
    else:
        assert told == f"altered: Signal {key}, entry: is 1.0, expected 100.0"


@pytest.mark.parametrize(
    ("text", "vkey", "told"),
    [
        ("nothing\n", SIGNER.verifier.vkey, "not accepted"),
        ("\n", SIGNER.verifier.vkey, "it is empty"),
        (None, SIGNER.verifier.vkey, "there is no such file"),
        ("nothing\n", "no key", "verifier key"),
        (Signer.generate("x").sign("x\n1\nAAAA\n"), SIGNER.verifier.vkey, "no trusted key"),
    ],
)
def test_command_refuses_what_is_no_checkpoint_or_key(
    key_file: Path, tmp_path: Path, text: str | None, vkey: str, told: str
) -> None:
    kept = tmp_path / "kept.txt"
    if text is not None:
        kept.write_text(text)
    with pytest.raises(CommandError, match=told):
        run("--against", str(kept), "--vkey", vkey)
