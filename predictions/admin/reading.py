"""A ledger's table in the admin: read-only, quick however large it is, and downloadable.

Read by the tables of `predictions.admin`.
"""

from typing import TYPE_CHECKING, Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import redirect
from django.urls import URLPattern, path
from rest_framework.exceptions import APIException

from predictions.admin.marks import shown_moment
from predictions.admin.quick_queries import BoundedPaginator, LedgerQuerySet
from predictions.downloads.columns import Table, model_table
from predictions.downloads.csv_encoding import CsvEncoder
from predictions.downloads.streaming import download

if TYPE_CHECKING:
    AnyModelAdmin = admin.ModelAdmin[Any]
else:  # Django's class takes no parameters at run time
    AnyModelAdmin = admin.ModelAdmin


class LedgerAdmin(AnyModelAdmin):
    """Read-only: rows are written by the recorder and never changed."""

    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER
    paginator = BoundedPaginator
    list_per_page = 50
    actions: tuple[str, ...] | None = None
    change_list_template = "predictions/ledger_change_list.html"
    table: Table | None = None
    """What the CSV export holds; by default the model's own fields."""
    key: tuple[str, ...] = ("predicted_at", "id")
    """Falling, a row's place in the export."""
    moments: tuple[str, ...] = ()
    """Fields that hold milliseconds."""

    class Media:
        css = {"all": ("predictions/ledger.css",)}

    def get_fields(self, request: HttpRequest, obj: Any = None) -> list[Any]:
        fields: Any = super().get_fields(request, obj)
        return [shown_moment(each) if each in self.moments else each for each in fields]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return LedgerQuerySet(self.model).select_related(*self._related())

    def get_urls(self) -> list[URLPattern]:
        name = f"predictions_{self.model._meta.model_name}_export"
        export = path("export/", self.admin_site.admin_view(self.export), name=name)
        return [export, *super().get_urls()]

    def export(self, request: HttpRequest) -> HttpResponseBase:
        """Answer with the rows that the list shows, all of them, as CSV."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        shown = self.get_changelist_instance(request)
        try:
            return download(
                self.get_export_queryset(shown.get_queryset(request)),
                self.table or model_table(self.model, self.key),
                suffix=CsvEncoder.suffix,
                client=f"admin {request.user.pk}",
            )
        except APIException as refusal:
            self.message_user(request, str(refusal.detail), messages.ERROR)
            return redirect(f"../{shown.get_query_string()}")

    def get_export_queryset(self, shown: "QuerySet[Any]") -> "QuerySet[Any]":
        """Return the rows to export, with what the table's columns need."""
        return shown

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def _related(self) -> tuple[str, ...]:
        related = self.list_select_related
        return tuple(related) if isinstance(related, list | tuple) else ()
