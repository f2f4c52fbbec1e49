"""`/api/ledger/…` as a stranger uses it to check what was said."""

import base64
import hashlib
from collections.abc import Iterator

import pytest
from django.test import Client

from predictions.api import throttling
from predictions.api.ledger import ConsistencySerializer
from predictions.models import Checkpoint, LedgerEntry
from predictions.transparency.checkpoints import open_checkpoint, sign_checkpoint
from predictions.transparency.notes import Verifier
from predictions.transparency.proofs import TlogProof
from predictions.transparency.tile_paths import tile_path
from predictions.transparency.tree import complete_root, leaf_hash, verify_consistency
from tests.integration.ledger import stored_leaf
from tests.integration.tampering import tampering
from tests.integration.test_checkpoints import SIGNER, leaf, second_opinion
from tests.integration.test_transparency_log import append

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def unspent_allowances() -> Iterator[None]:
    throttling.allowances.reset()
    yield


@pytest.fixture
def signed() -> None:
    """Checkpoints of 260 and 600 entries, and one entry that none covers."""
    append(*range(260))
    sign_checkpoint(SIGNER)
    append(*range(260, 600))
    sign_checkpoint(SIGNER)
    append(600)


def refused(client: Client, address: str, status: int, code: str) -> str:
    response = client.get(address, headers={"accept": "text/plain"})
    assert response.status_code == status
    body = response.json()
    assert (body["status"], body["code"]) == ("error", code)
    return str(body["message"])


def text(client: Client, address: str) -> str:
    response = client.get(address)
    assert response.status_code == 200
    assert response["Content-Type"] == "text/plain; charset=utf-8"
    return response.content.decode()


def test_stranger_checks_an_entry_from_what_is_served_alone(client: Client, signed: None) -> None:
    vkey = text(client, "/api/ledger/key").strip()
    for index in (0, 255, 256, 599):
        data = client.get(f"/api/ledger/entry/{index}")
        assert (data.status_code, data["Content-Type"]) == (200, "application/octet-stream")
        assert data.content == leaf(index)
        second_opinion(text(client, f"/api/ledger/proof/{index}"), data.content, vkey)


def test_earlier_checkpoint_is_kept_and_consistent_with_the_newest(
    client: Client, signed: None
) -> None:
    verifier = Verifier.from_vkey(text(client, "/api/ledger/key"))
    earlier = open_checkpoint(text(client, "/api/ledger/checkpoint?size=260"), [verifier])
    newest = open_checkpoint(text(client, "/api/ledger/checkpoint"), [verifier])
    assert (earlier.size, newest.size) == (260, 600)
    for address in ("?from=260", "?from=260&to=600"):
        told = client.get(f"/api/ledger/consistency{address}").json()
        assert (told["from"], told["to"]) == (260, 600)
        path = [base64.b64decode(each) for each in told["hashes"]]
        verify_consistency(260, 600, earlier.root, newest.root, path)
        assert base64.b64decode(told["from_root"]) == earlier.root
        assert base64.b64decode(told["to_root"]) == newest.root


def test_proof_against_an_earlier_checkpoint_is_given(client: Client, signed: None) -> None:
    proof = TlogProof.from_text(text(client, "/api/ledger/proof/17?size=260"))
    assert proof.verify(leaf(17), [SIGNER.verifier]).size == 260
    told = refused(client, "/api/ledger/proof/300?size=260", 404, "not_signed_yet")
    assert "checkpoint of 260" in told


def test_entry_newer_than_the_newest_checkpoint_has_no_proof_yet(
    client: Client, signed: None
) -> None:
    assert "within a minute" in refused(client, "/api/ledger/proof/600", 404, "not_signed_yet")
    assert client.get("/api/ledger/entry/600").status_code == 200


@pytest.mark.parametrize(
    ("address", "status", "code"),
    [
        ("proof/601", 404, "not_in_ledger"),
        ("entry/601", 404, "not_in_ledger"),
        (f"entry/{2**70}", 404, "not_in_ledger"),
        (f"proof/{2**70}", 404, "not_in_ledger"),
        ("checkpoint?size=261", 404, "not_in_ledger"),
        ("checkpoint?size=-1", 400, "invalid_parameter"),
        ("checkpoint?size=²", 400, "invalid_parameter"),
        ("checkpoint?size=1&size=2", 400, "invalid_parameter"),
        ("checkpoint?of=1", 400, "invalid_parameter"),
        ("key?size=1", 400, "invalid_parameter"),
        ("consistency", 400, "invalid_parameter"),
        ("consistency?from=many", 400, "invalid_parameter"),
        ("consistency?from=600&to=260", 400, "invalid_parameter"),
        ("consistency?from=260&to=601", 404, "not_signed_yet"),
        ("tile/0/000.p/256", 404, "not_in_ledger"),
        ("tile/0/0", 404, "not_in_ledger"),
        ("tile/0/x000/001", 404, "not_in_ledger"),
        ("tile/9/000", 404, "not_in_ledger"),
        ("tile/0/002", 404, "not_signed_yet"),
        ("tile/0/002.p/89", 404, "not_signed_yet"),
        ("tile/1/000", 404, "not_signed_yet"),
        ("proof/one", 404, "not_found"),
    ],
)
def test_what_is_not_there_is_refused(
    client: Client, signed: None, address: str, status: int, code: str
) -> None:
    refused(client, f"/api/ledger/{address}", status, code)


def test_before_the_first_checkpoint_nothing_is_proven(client: Client) -> None:
    append(0)
    for address in ("checkpoint", "key", "proof/0", "consistency?from=0", "tile/0/000.p/1"):
        refused(client, f"/api/ledger/{address}", 404, "not_signed_yet")


def test_pruned_entry_is_gone_and_still_proven(client: Client, signed: None) -> None:
    with tampering():
        LedgerEntry.objects.filter(index=3).update(packed=None)
    assert "pruned" in refused(client, "/api/ledger/entry/3", 410, "pruned")
    second_opinion(text(client, "/api/ledger/proof/3"), leaf(3), SIGNER.verifier.vkey)


def test_missing_hashes_are_told_and_no_false_proof_given(client: Client, signed: None) -> None:
    with tampering():
        LedgerEntry.objects.filter(index=520).delete()
    assert "verify_ledger" in refused(client, "/api/ledger/proof/599", 503, "ledger_incomplete")


def test_tiles_hold_the_hashes_of_the_tree(client: Client, signed: None) -> None:
    def tile(address: str) -> bytes:
        response = client.get(f"/api/ledger/tile/{address}")
        assert response.status_code == 200
        return response.content

    assert tile("0/000") == b"".join(leaf_hash(leaf(number)) for number in range(256))
    assert tile("0/000.p/3") == b"".join(leaf_hash(leaf(number)) for number in range(3))
    assert tile("0/002.p/88") == b"".join(leaf_hash(leaf(number)) for number in range(512, 600))
    assert tile("1/000.p/2") == complete_root(tile("0/000")) + complete_root(tile("0/001"))


def test_tile_numbers_are_written_as_the_specification_shows() -> None:
    assert tile_path(1234067) == "x001/x234/067"
    assert [tile_path(number) for number in (0, 999, 1000)] == ["000", "999", "x001/000"]


def test_what_never_changes_may_be_kept_and_the_newest_is_asked_again(
    client: Client, signed: None
) -> None:
    for address in ("entry/1", "checkpoint?size=260", "proof/1?size=260", "tile/0/000"):
        response = client.get(f"/api/ledger/{address}")
        assert response["Cache-Control"] == "max-age=31536000, immutable"
        again = client.get(f"/api/ledger/{address}", headers={"if-none-match": response["ETag"]})
        assert again.status_code == 304
    newest = client.get("/api/ledger/checkpoint")
    assert newest["Cache-Control"] == "no-cache"
    etag = newest["ETag"]
    assert client.get("/api/ledger/checkpoint", headers={"if-none-match": etag}).status_code == 304
    sign_checkpoint(SIGNER)
    assert client.get("/api/ledger/checkpoint", headers={"if-none-match": etag}).status_code == 200


def test_ledger_is_only_read(client: Client, signed: None) -> None:
    for address in ("checkpoint", "entry/1", "key"):
        response = client.post(f"/api/ledger/{address}")
        assert (response.status_code, response.json()["code"]) == (405, "method_not_allowed")
        assert client.head(f"/api/ledger/{address}").status_code == 200


def test_proof_of_a_forecast_is_found_by_its_leaf(client: Client) -> None:
    stored = stored_leaf()
    sign_checkpoint(SIGNER)
    data = client.get(f"/api/ledger/entry/{stored.index}").content
    second_opinion(
        text(client, f"/api/ledger/proof/{stored.index}"), data, Checkpoint.objects.get().vkey
    )
    _, _, packed = data.partition(b"\n")
    assert hashlib.sha256(packed).digest() == bytes(stored.entry_hash)


def test_consistency_answer_has_the_fields_that_the_document_describes(
    client: Client, signed: None
) -> None:
    told = client.get("/api/ledger/consistency?from=0").json()
    assert set(told) == set(ConsistencySerializer().fields)
    assert (told["from"], told["hashes"]) == (0, [])
    schema = client.get("/api/schema").json()
    entry = schema["paths"]["/api/ledger/entry/{id}"]["get"]["responses"]
    assert "application/octet-stream" in entry["200"]["content"]
    assert {"400", "404", "410", "503"} <= set(entry)
