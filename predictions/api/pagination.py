"""Pages of the ledger, newest first, by cursor: no page costs more than the first."""

from datetime import UTC, datetime
from typing import Any

from rest_framework.exceptions import NotFound
from rest_framework.pagination import Cursor, CursorPagination
from rest_framework.request import Request

from predictions.api.errors import InvalidParameterError

LONGEST_PAGE = 1_000


class LedgerPagination(CursorPagination):
    """`?limit=` rows a page (1 to 1000, default 100) and `?cursor=` from a page's own links."""

    page_size = 100
    page_size_query_param = "limit"
    ordering = ("-predicted_at", "-id")
    # Rows of one tick share their time: at least as many as a tick may have.
    offset_cutoff = 10_000

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        described: dict[str, Any] = super().get_paginated_response_schema(schema)
        for name in ("next", "previous"):
            # REST framework writes `nullable`, which OpenAPI 3.1 no longer knows.
            described["properties"][name] = {"type": ["string", "null"], "format": "uri"}
        return described

    def get_page_size(self, request: Request) -> int:
        text = request.query_params.get("limit", str(self.page_size))
        if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= LONGEST_PAGE:
            raise InvalidParameterError(
                f"limit: must be a whole number from 1 to {LONGEST_PAGE}, not {text[:20]!r}"
            )
        return int(text)

    def decode_cursor(self, request: Request) -> Cursor | None:
        try:
            cursor = super().decode_cursor(request)
            if cursor is not None and cursor.position is not None:
                datetime.fromisoformat(str(cursor.position)).astimezone(UTC)
        except (NotFound, ValueError, OverflowError) as error:
            raise InvalidParameterError(
                "cursor: must be taken from a page's `next` or `previous`"
            ) from error
        return cursor
