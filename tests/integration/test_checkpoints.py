"""Checkpoints and proofs, as whoever holds them later checks them."""

import base64
import hashlib
import os
import stat
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from hypothesis import given
from hypothesis import strategies as st
from pytest_django import Settings

from cryptosite.setting_up import make_ledger_key
from predictions.models import Checkpoint, LedgerEntry
from predictions.transparency.appending import leaf_data
from predictions.transparency.checkpoints import (
    InconsistentLogError,
    TreeHead,
    open_checkpoint,
    sign_checkpoint,
)
from predictions.transparency.chore import CheckpointChore
from predictions.transparency.notes import NoteError, Signer
from predictions.transparency.proofs import TlogProof, prove
from predictions.transparency.signing import SigningKeyError, load_or_make
from predictions.transparency.tree import OutsideTreeError, ProofError, leaf_hash
from tests.integration.tampering import tampering
from tests.integration.test_transparency_log import append

SIGNER = Signer("example.org/log", bytes(range(32)))

PUBLISHED_TEXT = """example.com/behind-the-sofa
20852163
CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=
"""
"""The example of C2SP's tlog-checkpoint."""


def leaf(number: int) -> bytes:
    return leaf_data(f"{number}-0", f"entry {number}".encode())


@pytest.fixture
def signed(db: None) -> Checkpoint:
    append(*range(300))
    checkpoint = sign_checkpoint(SIGNER)
    assert checkpoint is not None
    return checkpoint


def second_opinion(proof: str, data: bytes, vkey: str) -> None:
    """Check a proof from the texts of RFC 6962 and C2SP alone, with no code of the product."""
    head, _, note = proof.partition("\n\n")
    header, index_line, *path_lines = head.split("\n")
    assert header == "c2sp.org/tlog-proof@v1"
    index, path = int(index_line.removeprefix("index ")), [*map(base64.b64decode, path_lines)]
    text, _, signature_line = note.partition("\n\n")
    origin, size, root = text.split("\n")
    name, key_id, material = vkey.split("+", 2)
    dash, signer, encoded = signature_line.strip().split(" ")
    assert (dash, signer, origin) == ("—", name, name)
    signature, key = base64.b64decode(encoded), base64.b64decode(material)
    named = hashlib.sha256(name.encode() + b"\n" + key).digest()[:4]
    assert key[:1] == b"\x01" and signature[:4] == named == bytes.fromhex(key_id)
    Ed25519PublicKey.from_public_bytes(key[1:]).verify(signature[4:], f"{text}\n".encode())

    def climb(at: int, count: int, hashes: list[bytes]) -> bytes:
        # PATH(m, D[n]) of RFC 6962, read backwards: its last hash is the root's other child.
        if count == 1:
            assert not hashes
            return hashlib.sha256(b"\x00" + data).digest()
        left = 1
        while left * 2 < count:
            left *= 2
        if at < left:
            inner = climb(at, left, hashes[:-1]) + hashes[-1]
        else:
            inner = hashes[-1] + climb(at - left, count - left, hashes[:-1])
        return hashlib.sha256(b"\x01" + inner).digest()

    assert climb(index, int(size), path) == base64.b64decode(root)


def test_published_checkpoint_is_read_and_written_the_same() -> None:
    head = TreeHead.from_text(PUBLISHED_TEXT)
    assert (head.origin, head.size) == ("example.com/behind-the-sofa", 20852163)
    assert head.text == PUBLISHED_TEXT
    assert TreeHead.from_text(PUBLISHED_TEXT + "an extension\n") == head


@pytest.mark.parametrize(
    "text",
    ["", "\n", "a\n1\n", PUBLISHED_TEXT[:-1], PUBLISHED_TEXT + "\n",
     PUBLISHED_TEXT.replace("208", "-208"), PUBLISHED_TEXT.replace("I=", "J="),
     PUBLISHED_TEXT.replace("208", "0208"), PUBLISHED_TEXT.replace("20852163", "9" * 19),
     PUBLISHED_TEXT.replace("CsUY", "CsU"), PUBLISHED_TEXT.replace("CsUY", "")],
)  # fmt: skip
def test_text_that_is_no_checkpoint_is_refused(text: str) -> None:
    with pytest.raises(NoteError):
        TreeHead.from_text(text)


def test_checkpoint_states_the_tree_and_is_signed(signed: Checkpoint) -> None:
    head = open_checkpoint(signed.note, [SIGNER.verifier])
    assert (head.origin, head.size, head.root) == ("example.org/log", 300, bytes(signed.root))
    assert signed.vkey == SIGNER.verifier.vkey
    with pytest.raises(NoteError):
        open_checkpoint(signed.note, [Signer.generate("example.org/log").verifier])


@pytest.mark.django_db
def test_empty_log_has_no_checkpoint() -> None:
    assert sign_checkpoint(SIGNER) is None


def test_one_size_is_signed_once_and_a_grown_tree_again(signed: Checkpoint) -> None:
    assert sign_checkpoint(SIGNER) is None
    append(300)
    later = sign_checkpoint(SIGNER)
    assert later is not None and later.size == 301
    assert list(Checkpoint.objects.values_list("size", flat=True)) == [301, 300]


def test_rewritten_log_is_not_signed(signed: Checkpoint) -> None:
    append(300)
    with tampering():
        LedgerEntry.objects.filter(index__gte=299).delete()
    with pytest.raises(InconsistentLogError, match="299 entries, and 300 were signed"):
        sign_checkpoint(SIGNER)
    append(5000, 5001)
    with pytest.raises(InconsistentLogError, match="first 300 entries"):
        sign_checkpoint(SIGNER)


def test_proof_file_is_accepted_by_a_second_implementation(signed: Checkpoint) -> None:
    for index in (0, 1, 128, 255, 256, 298, 299):
        proof = prove(index, signed).text
        second_opinion(proof, leaf(index), SIGNER.verifier.vkey)
        head = TlogProof.from_text(proof).verify(leaf(index), [SIGNER.verifier])
        assert head.size == 300
        with pytest.raises(AssertionError):
            second_opinion(proof, leaf(index) + b"!", SIGNER.verifier.vkey)
        with pytest.raises(ProofError):
            TlogProof.from_text(proof).verify(leaf(index) + b"!", [SIGNER.verifier])


def test_proof_of_an_entry_newer_than_the_checkpoint_is_refused(signed: Checkpoint) -> None:
    append(300)
    with pytest.raises(OutsideTreeError):
        prove(300, signed)


def test_proof_carries_extra_data(signed: Checkpoint) -> None:
    proof = prove(3, signed)
    extended = TlogProof(3, proof.path, proof.checkpoint, b"context")
    assert extended.text.split("\n")[1] == "extra Y29udGV4dA=="
    assert TlogProof.from_text(extended.text) == extended


ONE = TlogProof(0, (), SIGNER.sign(TreeHead("example.org/log", 1, leaf_hash(b"")).text)).text


@pytest.mark.parametrize(
    "text",
    ["", "index 0\n\n", ONE.replace("v1", "v2"), ONE.replace("index 0", "index 00"),
     ONE.replace("index 0", "index -1"), ONE.replace("index 0\n", ""), ONE.partition("\n\n")[0],
     ONE.replace("index 0", "index 0\nAAAA"), ONE.replace("index 0", "index 0\nnot base64")],
)  # fmt: skip
def test_text_that_is_no_proof_is_refused(text: str) -> None:
    with pytest.raises(ProofError):
        TlogProof.from_text(text)


@given(st.integers(0, len(ONE) - 1), st.integers(32, 126))
def test_altered_proof_shows_nothing(at: int, code: int) -> None:
    TlogProof.from_text(ONE).verify(b"", [SIGNER.verifier])
    altered = ONE[:at] + chr(code) + ONE[at + 1 :]
    if altered != ONE:
        with pytest.raises((ProofError, NoteError)):
            TlogProof.from_text(altered).verify(b"", [SIGNER.verifier])


def test_key_is_made_once_for_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "var" / "ledger_key"
    made = load_or_make(path)
    assert load_or_make(path) == made
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert os.listdir(path.parent) == ["ledger_key"]
    assert made.name.startswith("cryptosite/")
    assert load_or_make(tmp_path / "other").name != made.name


def test_key_of_another_origin_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "ledger_key"
    assert load_or_make(path, "example.org/one").name == "example.org/one"
    with pytest.raises(SigningKeyError, match="signs for"):
        load_or_make(path, "example.org/two")


@pytest.mark.parametrize("content", ["", "PRIVATE+KEY+damaged", "\udcff"])
def test_damaged_key_is_refused_and_kept(tmp_path: Path, content: str) -> None:
    path = tmp_path / "ledger_key"
    path.write_bytes(content.encode(errors="surrogateescape"))
    with pytest.raises(SigningKeyError, match="ledger_key"):
        load_or_make(path)
    assert path.read_bytes() == content.encode(errors="surrogateescape")


def test_key_in_a_place_that_is_no_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(SigningKeyError, match="no key can be made"):
        load_or_make(tmp_path / "file" / "ledger_key")


def test_key_that_is_a_folder_or_another_file_is_refused_in_words(tmp_path: Path) -> None:
    path = tmp_path / "ledger_key"
    path.mkdir()
    with pytest.raises(SigningKeyError, match="it is a folder, not a file"):
        load_or_make(path)
    (tmp_path / "picture").write_bytes(b"\x89PNG\xff")
    with pytest.raises(SigningKeyError, match="bytes that are no text") as refused:
        load_or_make(tmp_path / "picture")
    assert "codec" not in str(refused.value) and "setup_instance" in str(refused.value)


@pytest.mark.django_db
def test_chore_signs_what_grew_and_tells_what_keeps_it(tmp_path: Path) -> None:
    chore = CheckpointChore(tmp_path / "ledger_key")
    assert chore.run() is False
    assert chore.detail() == {"size": None, "error": ""}
    append(0, 1)
    chore.run()
    assert chore.detail() == {"size": 2, "error": ""}
    assert Checkpoint.objects.get().size == 2
    with tampering():
        LedgerEntry.objects.filter(index=1).delete()
    chore.run()
    assert "1 entries, and 2 were signed" in chore.detail()["error"]


@pytest.mark.django_db
def test_chore_without_a_usable_key_signs_nothing_and_says_so(tmp_path: Path) -> None:
    (tmp_path / "ledger_key").write_text("nothing")
    append(0)
    chore = CheckpointChore(tmp_path / "ledger_key")
    chore.run()
    assert "cannot be used" in chore.detail()["error"]
    assert Checkpoint.objects.count() == 0


def test_chore_makes_no_second_key_for_a_ledger_that_was_signed(
    signed: Checkpoint, tmp_path: Path
) -> None:
    append(300)
    chore = CheckpointChore(tmp_path / "ledger_key")
    chore.run()
    assert signed.vkey in chore.detail()["error"]
    assert not (tmp_path / "ledger_key").exists()
    (tmp_path / "ledger_key").write_text(SIGNER.text)
    chore.run()
    assert chore.detail() == {"size": 301, "error": ""}


@pytest.mark.django_db
def test_setup_makes_the_key_once_and_says_what_others_check_with(
    tmp_path: Path, settings: Settings
) -> None:
    settings.LEDGER_KEY_FILE = tmp_path / "ledger_key"
    settings.LEDGER_ORIGIN = "example.org/mine"
    said: list[str] = []
    assert make_ledger_key(said.append)
    assert not make_ledger_key(said.append)
    [told] = said
    assert load_or_make(settings.LEDGER_KEY_FILE).verifier.vkey in told
    assert "example.org/mine+" in told


def test_setup_and_chore_go_on_under_the_name_that_was_signed(
    signed: Checkpoint, tmp_path: Path, settings: Settings
) -> None:
    settings.LEDGER_KEY_FILE = tmp_path / "ledger_key"
    settings.LEDGER_ORIGIN = "example.org/other"
    said: list[str] = []
    assert not make_ledger_key(said.append)
    assert f"set LEDGER_ORIGIN={SIGNER.name}" in said[0]
    assert not settings.LEDGER_KEY_FILE.exists()
    settings.LEDGER_ORIGIN = ""
    assert make_ledger_key(said.append)
    assert load_or_make(settings.LEDGER_KEY_FILE).name == SIGNER.name
    settings.LEDGER_KEY_FILE.write_text(Signer.generate("example.org/other").text)
    append(300)
    for origin in ("", "example.org/other"):
        chore = CheckpointChore(settings.LEDGER_KEY_FILE, origin)
        chore.run()
        assert SIGNER.name in chore.detail()["error"]
    assert Checkpoint.objects.count() == 1


@pytest.mark.django_db
def test_setup_tells_a_key_that_is_there_and_damaged(tmp_path: Path, settings: Settings) -> None:
    settings.LEDGER_KEY_FILE = tmp_path / "ledger_key"
    settings.LEDGER_KEY_FILE.write_text("hello")
    said: list[str] = []
    assert not make_ledger_key(said.append)
    assert "will not be signed" in said[0] and "PRIVATE+KEY+" in said[0]


@pytest.mark.django_db
def test_setup_goes_on_where_the_key_cannot_be_made(tmp_path: Path, settings: Settings) -> None:
    (tmp_path / "file").write_text("")
    settings.LEDGER_KEY_FILE = tmp_path / "file" / "ledger_key"
    said: list[str] = []
    assert not make_ledger_key(said.append)
    assert "will not be signed" in said[0]
