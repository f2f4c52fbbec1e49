"""Lists of the ledger that can be downloaded whole: `?format=csv`, `?format=parquet`, or Accept.

Read by the views of forecasts and signals.
"""

from collections.abc import Callable
from typing import Any, TypeVar

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework.exceptions import ValidationError
from rest_framework.generics import ListAPIView
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import ModelSerializer

from predictions.api.errors import InvalidParameterError
from predictions.api.filters import LedgerFilter
from predictions.api.schema.refusals import refusals
from predictions.api.throttling import ClientThrottle
from predictions.as_of import attach_leaves
from predictions.downloads.columns import Table
from predictions.downloads.csv_encoding import CsvEncoder
from predictions.downloads.parquet_encoding import ParquetEncoder
from predictions.downloads.streaming import download

PAGE_PARAMETERS = ("cursor", "limit")
Viewed = TypeVar("Viewed", bound=type[Any])


class CsvRenderer(JSONRenderer):
    """Names the format for the choice among formats; what it renders are refusals."""

    media_type = "text/csv"
    format = CsvEncoder.suffix


class ParquetRenderer(JSONRenderer):
    """The same of Parquet."""

    media_type = ParquetEncoder.content_type
    format = ParquetEncoder.suffix


class DownloadableList(ListAPIView[Any]):
    """A list whose rows can be had as one file. Refusals are JSON whatever was asked for."""

    table: Table
    filterset_class: type[LedgerFilter]
    renderer_classes = (JSONRenderer, CsvRenderer, ParquetRenderer)

    def paginate_queryset(self, queryset: Any) -> Any:
        page = super().paginate_queryset(queryset)
        attach_leaves(page or ())
        return page

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        formats = [each.format for each in self.renderer_classes]
        asked = request.query_params.get("format", JSONRenderer.format)
        if asked not in formats:
            raise InvalidParameterError(f"format: must be one of {', '.join(formats)}")
        super().initial(request, *args, **kwargs)

    def list(self, request: Request, *args: Any, **kwargs: Any) -> Any:
        suffix = request.accepted_renderer.format
        if suffix == JSONRenderer.format:
            return super().list(request, *args, **kwargs)
        for name in PAGE_PARAMETERS:
            if name in request.query_params:
                raise InvalidParameterError(
                    f"{name}: is of pages; a download holds every row that the filters select"
                )
        filtered = self.filterset_class(request.query_params, self.get_queryset())
        if not filtered.is_valid():
            raise ValidationError(filtered.errors)
        return download(
            filtered.qs,
            self.table,
            suffix=suffix,
            client=ClientThrottle().get_cache_key(request, self),
            as_of_ms=filtered.as_of_ms,
            description=f"{self.table.name}?{request.query_params.urlencode()}",
            head=request.method == "HEAD",
        )

    def finalize_response(self, request: Request, response: Any, *args: Any, **kw: Any) -> Any:
        if isinstance(response, Response):
            request.accepted_renderer = JSONRenderer()
            request.accepted_media_type = JSONRenderer.media_type
        return super().finalize_response(request, response, *args, **kw)


def described_list(serializer: type[ModelSerializer[Any]]) -> Callable[[Viewed], Viewed]:
    """Let the document tell of a list's three formats and its refusals."""
    described: Callable[[Viewed], Viewed] = extend_schema(
        responses={
            (200, JSONRenderer.media_type): serializer(many=True),
            (200, CsvRenderer.media_type): OpenApiTypes.STR,
            (200, ParquetRenderer.media_type): OpenApiTypes.BINARY,
        }
        | refusals(400, 404, 429, 503)
    )
    return described
