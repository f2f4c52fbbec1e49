"""The transparency log in the admin, what was pruned, and the hours that outlive it."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString

from predictions.admin.marks import proof_link, shown_moment
from predictions.admin.quick_queries import RecentValuesFilter
from predictions.admin.reading import LedgerAdmin
from predictions.models import Checkpoint, ForecastRollup, LedgerEntry, Pruning


@admin.register(LedgerEntry)
class LedgerEntryAdmin(LedgerAdmin):
    list_display = (
        "index",
        "engine",
        "venue",
        "shard",
        "number",
        shown_moment("made_ts"),
        shown_moment("stream_ms"),
        "entry",
        "recorded_at",
        "proof",
    )
    list_filter = ("engine", ("venue", RecentValuesFilter))
    search_fields = ("index__exact",)
    date_hierarchy = "recorded_at"
    ordering = ("-index",)
    sortable_by = ("index",)
    exclude = ("packed", "entry_hash", "prev_hash", "leaf_hash")
    readonly_fields = ("entry", "previous", "leaf")
    moments = ("made_ts", "stream_ms")
    key = ("index",)

    def get_queryset(self, request: HttpRequest) -> "QuerySet[Any]":
        return super().get_queryset(request).defer("packed")

    @admin.display(description="SHA-256 of the entry")
    def entry(self, row: LedgerEntry) -> str:
        return bytes(row.entry_hash).hex()

    @admin.display(description="that of the one before")
    def previous(self, row: LedgerEntry) -> str:
        return bytes(row.prev_hash).hex()

    @admin.display(description="hash of the leaf")
    def leaf(self, row: LedgerEntry) -> str:
        return bytes(row.leaf_hash).hex()

    @admin.display(description="proof")
    def proof(self, row: LedgerEntry) -> SafeString | None:
        return proof_link(row.index)


@admin.register(Checkpoint)
class CheckpointAdmin(LedgerAdmin):
    list_display = ("size", "hash", "vkey", "signed_at")
    date_hierarchy = "signed_at"
    ordering = ("-size",)
    sortable_by = ("size",)
    exclude = ("root",)
    readonly_fields = ("hash",)
    key = ("size",)

    @admin.display(description="root")
    def hash(self, row: Checkpoint) -> str:
        return bytes(row.root).hex()


@admin.register(Pruning)
class PruningAdmin(LedgerAdmin):
    list_display = ("id", "engine", "venue", shown_moment("before_ts"), "rows", "open", "pruned_at")
    list_filter = ("engine", "open")
    ordering = ("-id",)
    sortable_by = ("id",)
    moments = ("before_ts",)
    key = ("id",)


@admin.register(ForecastRollup)
class ForecastRollupAdmin(LedgerAdmin):
    list_display = (
        shown_moment("hour_ts"),
        "symbol",
        "venue",
        "live",
        "model_version",
        "role",
        "source",
        "said",
        "late",
        "graded",
    )
    list_filter = (
        "live",
        "role",
        "source",
        ("venue", RecentValuesFilter),
        ("symbol", RecentValuesFilter),
        ("model_version", RecentValuesFilter),
    )
    search_fields = ("symbol__istartswith", "venue__istartswith")
    ordering = ("-hour_ts", "-id")
    sortable_by = ()
    exclude = ("blocks", "histogram")
    moments = ("hour_ts",)
    key = ("hour_ts", "id")
