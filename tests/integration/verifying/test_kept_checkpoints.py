"""Checkpoints that were kept: files of one, of many, and what is none, given to `--against`."""

from pathlib import Path

import pytest
import redis
from django.core.management import CommandError

from predictions.models import Checkpoint
from predictions.transparency.checkpoints import sign_checkpoint
from predictions.transparency.kept_checkpoints import notes_in
from tests.integration.checked_ledger import SIGNER, TICKS, run
from tests.integration.tampering import tampering
from tests.integration.test_pruning import DAY, add_up, prune, record

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("key_file")]


def test_notes_in_a_text_are_told_apart() -> None:
    notes = [SIGNER.sign(f"{SIGNER.name}\n{size}\nAAAA\n") for size in range(1, 4)]
    assert notes_in("\n".join(notes)) == notes
    assert notes_in("") == notes_in("\n\n") == []


def test_command_compares_with_all_checkpoints_that_were_anchored(
    recorded: redis.Redis, tmp_path: Path
) -> None:
    kept = tmp_path / "anchors.txt"
    notes = list(Checkpoint.objects.order_by("size").values_list("note", flat=True))
    kept.write_text("\n".join(notes))
    assert f"None of the first {TICKS + 2} entries" in run("--against", str(kept))
    with tampering():
        Checkpoint.objects.filter(size=TICKS).delete()
    with pytest.raises(CommandError, match="differs in 1 place"):
        run("--against", str(kept))


def test_command_refuses_a_folder_and_what_is_no_text_in_words(tmp_path: Path) -> None:
    picture = tmp_path / "picture"
    picture.write_bytes(b"\x89PNG\xff")
    for path, told in ((tmp_path, "it is a folder"), (picture, "bytes that are no text")):
        with pytest.raises(CommandError, match=told) as refused:
            run("--against", str(path))
        assert "codec" not in str(refused.value) and "Errno" not in str(refused.value)


def test_claim_says_that_rows_of_pruned_entries_cannot_be_compared(
    clean_redis: redis.Redis, redis_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with redis.Redis.from_url(redis_url, socket_timeout=5) as client:
        record(client, monkeypatch, *range(15), days_ago=40)
        record(client, monkeypatch, *range(2 * DAY, 2 * DAY + 6))
    signed = sign_checkpoint(SIGNER)
    assert signed is not None
    kept = tmp_path / "kept.txt"
    kept.write_text(signed.note)
    whole = "None of the first 21 entries, and no row made of them, was"
    assert whole in run("--against", str(kept))
    add_up()
    prune()
    said = run("--against", str(kept))
    assert whole not in said
    assert "nor any row made of them that pruning left" in said
    assert "Of 15 pruned entries only the hashes are left to compare" in said
    assert "Of 15 pruned entries" in run() and "On trust: the fees" in run()
