"""The transparency log: every packed entry of the loops, in the order it was stored, and its tree.

Rows are only ever inserted. Pruning alone may take an entry's bytes away; its hashes stay.
"""

from django.db import models

from predictions.models import choices

HASH_BYTES = 32


class LedgerEntry(models.Model):
    """One packed entry of a loop's log (a tick, or a batch of signals): one leaf of the tree.

    index: the leaf's, from 0, without a gap. stream_id, stream_ms: its id in the log, and when it
    reached that (Redis' clock, ms). entry_hash: SHA-256 of the bytes, which hold prev_hash;
    leaf_hash: SHA-256 of 0x00 and the leaf (RFC 6962), which is stream_id, a newline, and the
    bytes. packed is null once it was pruned.
    """

    index = models.BigIntegerField(primary_key=True)
    engine = models.CharField(max_length=16, choices=choices.engines)
    venue = models.CharField(max_length=96)
    shard = models.IntegerField()
    number = models.BigIntegerField(help_text="tick or batch")
    stream_id = models.CharField(max_length=48)
    stream_ms = models.BigIntegerField()
    made_ts = models.BigIntegerField(help_text="market time in ms when it was packed")
    entry_hash = models.BinaryField(max_length=HASH_BYTES, unique=True)
    prev_hash = models.BinaryField(max_length=HASH_BYTES)
    leaf_hash = models.BinaryField(max_length=HASH_BYTES)
    packed = models.BinaryField(null=True)
    recorded_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ("index",)
        verbose_name_plural = "ledger entries"
        indexes = (
            models.Index(fields=("venue", "engine", "number"), name="entry_by_number"),
            models.Index(fields=("recorded_at",), name="entry_by_time"),
        )

    def __str__(self) -> str:
        return f"{self.index}: {self.engine} {self.number} {self.venue}"


class LogTile(models.Model):
    """256 hashes of one level of the tree, 8 bits of the index a level; only full ones are kept.

    Level 0 holds leaf hashes; a hash of level n is the root of a full tile of level n - 1.
    """

    level = models.PositiveSmallIntegerField()
    index = models.BigIntegerField()
    root = models.BinaryField(max_length=HASH_BYTES, help_text="of the 256: a hash one level up")
    hashes = models.BinaryField(help_text="256 times 32 bytes")

    class Meta:
        ordering = ("level", "index")
        constraints = (models.UniqueConstraint(fields=("level", "index"), name="tile_once"),)

    def __str__(self) -> str:
        return f"{self.level}/{self.index}"


class Checkpoint(models.Model):
    """A signed statement of the tree's size and root (C2SP tlog-checkpoint)."""

    size = models.BigIntegerField(primary_key=True)
    root = models.BinaryField(max_length=HASH_BYTES)
    note = models.TextField(help_text="the signed note")
    vkey = models.CharField(max_length=300, help_text="the key that signed it, to check it with")
    signed_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ("-size",)

    def __str__(self) -> str:
        return f"{self.size} {self.signed_at:%Y-%m-%d %H:%M:%S}"


class Pruning(models.Model):
    """What was taken away: forecasts, and entries' bytes, of market time before `before_ts`.

    rows: forecasts. Deleting is refused by the database except while such a row with `open` lies
    there, and then only of what it names.
    """

    engine = models.CharField(max_length=16, choices=choices.engines)
    venue = models.CharField(max_length=96)
    before_ts = models.BigIntegerField()
    rows = models.BigIntegerField(default=0)
    open = models.BooleanField(default=True)
    pruned_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ("-id",)
        indexes = (
            # The triggers look for one at each row that is removed.
            models.Index(fields=("venue",), condition=models.Q(open=True), name="pruning_open"),
        )

    def __str__(self) -> str:
        return f"{self.engine} of {self.venue} before {self.before_ts}"
