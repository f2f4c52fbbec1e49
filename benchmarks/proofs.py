"""What a proof costs in a log of ten million leaves, and what it costs to append to one.

    python benchmarks/proofs.py

The tiles are written by the product's own code over random leaf hashes, into SQLite as the product
sets it up and into the PostgreSQL of the tests' wheel; only entries past the last full tile have
rows. A proof is a random leaf's path to the newest checkpoint as a tlog-proof file, read from the
database anew each time; a consistency proof is from a random earlier size. Each is verified.
`append_ms` is one transaction of 32 entries (of 500 bytes) with its commit.
"""

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from benchmarks.percentiles import percentile

LEAVES = 10_000_000
CHUNK = 1 << 16
PROOFS = 300
APPENDS = 100
ENTRIES = 32


def fill(leaves: int) -> None:
    """Write the tiles of so many leaves, and the entries of the unfinished one."""
    from django.db import transaction

    from predictions.models import LedgerEntry
    from predictions.transparency.tiles import TILE_WIDTH, write_tiles

    size, tail = 0, []
    while size < leaves:
        hashes = [os.urandom(32) for _ in range(min(CHUNK, leaves - size))]
        with transaction.atomic():
            write_tiles(size, hashes)
        size += len(hashes)
        tail = hashes[len(hashes) - size % TILE_WIDTH :] if size % TILE_WIDTH else []
    LedgerEntry.objects.bulk_create(
        LedgerEntry(
            index=size - len(tail) + number, engine="forecasts", venue="benchmark", shard=0,
            number=number, stream_id=f"{number}-0", stream_ms=number, made_ts=number,
            entry_hash=os.urandom(32), prev_hash=bytes(32), leaf_hash=leaf, packed=None,
        )
        for number, leaf in enumerate(tail)
    )  # fmt: skip


def proofs() -> dict[str, float]:
    """Return percentiles in ms of both kinds of proof."""
    from predictions.transparency.checkpoints import open_checkpoint, sign_checkpoint
    from predictions.transparency.notes import Signer
    from predictions.transparency.proofs import TlogProof, prove
    from predictions.transparency.tiles import read_nodes
    from predictions.transparency.tree import (
        Node,
        consistency_proof,
        root,
        verify_consistency,
        verify_inclusion,
    )

    signer = Signer.generate("benchmark")
    checkpoint = sign_checkpoint(signer)
    assert checkpoint is not None
    head = open_checkpoint(checkpoint.note, [signer.verifier])
    draws = random.Random(1)
    inclusion, consistency = [], []
    for _ in range(PROOFS):
        index = draws.randrange(head.size)
        leaf = read_nodes([Node(0, index)])[Node(0, index)]
        started = time.perf_counter()
        text = prove(index, checkpoint).text
        inclusion.append((time.perf_counter() - started) * 1e3)
        verify_inclusion(leaf, index, head.size, TlogProof.from_text(text).path, head.root)
        first = draws.randrange(1, head.size)
        started = time.perf_counter()
        path = consistency_proof(first, head.size, read_nodes)
        consistency.append((time.perf_counter() - started) * 1e3)
        verify_consistency(first, head.size, root(first, read_nodes), head.root, path)
    return {
        "proof_ms_p50": percentile(inclusion, 0.5),
        "proof_ms_p99": percentile(inclusion, 0.99),
        "consistency_ms_p99": percentile(consistency, 0.99),
    }


def appends() -> dict[str, float]:
    """Return percentiles in ms of a transaction that appends, tiles now and then included."""
    from django.db import transaction

    from predictions.transparency.appending import NewEntry, append_entries

    taken = []
    for number in range(APPENDS):
        entries = [
            NewEntry("forecasts", "new", 0, number * ENTRIES + each, "1-0", 1, bytes(32),
                     os.urandom(500))
            for each in range(ENTRIES)
        ]  # fmt: skip
        started = time.perf_counter()
        with transaction.atomic():
            append_entries(entries)
        taken.append((time.perf_counter() - started) * 1e3)
    return {"append_ms_p50": percentile(taken, 0.5), "append_ms_p99": percentile(taken, 0.99)}


def measure(leaves: int) -> dict[str, float]:
    """Measure this process's database: what the child of each kind does."""
    import django

    django.setup()
    from django.core.management import call_command

    call_command("migrate", verbosity=0, skip_checks=True)
    fill(leaves)
    return proofs() | appends()


def child(directory: Path, database: str | None, leaves: int) -> dict[str, float]:
    directory.mkdir()
    environment = os.environ | {
        "DJANGO_SETTINGS_MODULE": "cryptosite.settings",
        "VAR_DIR": str(directory),
        "LOG_LEVEL": "ERROR",
    }
    environment.pop("DATABASE_URL", None)
    if database is not None:
        environment["DATABASE_URL"] = database
    command = [sys.executable, __file__, "--child", "--leaves", str(leaves)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, env=environment)
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--leaves", type=int, default=LEAVES)
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.child:
        print(json.dumps(measure(asked.leaves)))
        return
    from tests.postgres import postgres_server

    with ExitStack() as stack:
        place = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="proofs-")))
        kinds = {"sqlite": child(place / "sqlite", None, asked.leaves)}
        url = stack.enter_context(postgres_server(place / "cluster"))
        kinds["postgres"] = child(place / "postgres", url, asked.leaves)
    result: dict[str, float] = {"leaves": asked.leaves}
    for kind, found in kinds.items():
        result |= {f"{name}_{kind}": round(value, 2) for name, value in found.items()}
    print(json.dumps(result))


if __name__ == "__main__":
    main()
