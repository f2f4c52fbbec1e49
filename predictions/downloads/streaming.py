"""A download as an HTTP response.

A small one is made at once. A larger one is read and encoded by a process of its own and sent as
it comes, at the client's pace: a full pipe holds that process back, and when the client goes away
it is ended, and its query with it.
"""

import asyncio
import sys
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

from django.conf import settings
from django.db.models import QuerySet
from django.http import HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase

from predictions.downloads.columns import Table
from predictions.downloads.order import ENCODERS, Order
from predictions.downloads.slots import Slot, slots

SMALL_ROWS = 1_000
PART_BYTES = 2**16


class DownloadFailedError(RuntimeError):
    """The process that read ended in the midst. The connection is cut, so that the client sees."""


def download(
    queryset: "QuerySet[Any]",
    table: Table,
    *,
    suffix: str,
    client: str,
    as_of_ms: int | None = None,
    description: str = "",
    head: bool = False,
) -> HttpResponseBase:
    """Return the response that sends all rows of `queryset` as a file.

    client: whom the bound on downloads counts. head: only the headers are wanted.
    Raises TooManyDownloadsError or DownloadsBusyError.
    """
    content_type = ENCODERS[suffix].content_type
    name = f"{table.name}-{datetime.now(UTC):%Y%m%dT%H%M%SZ}.{suffix}"
    headers = {
        "Content-Disposition": f'attachment; filename="{name}"',
        "Cache-Control": "no-store",
        "X-Accel-Buffering": "no",
    }
    if head:
        return HttpResponse(content_type=content_type, headers=headers)
    order = Order.of(queryset, table, suffix, as_of_ms=as_of_ms, description=description)
    if _is_small(queryset, table):
        return HttpResponse(order.parts(), content_type=content_type, headers=headers)
    return StreamingHttpResponse(
        _sent(order, slots.take(client)), content_type=content_type, headers=headers
    )


def _is_small(queryset: "QuerySet[Any]", table: Table) -> bool:
    newest = queryset.order_by(*(f"-{name}" for name in table.order)).values_list("pk")
    return len(newest[: SMALL_ROWS + 1]) <= SMALL_ROWS


async def _sent(order: Order, slot: Slot) -> AsyncIterator[bytes]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "predictions.downloads.reading_process"),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        cwd=settings.BASE_DIR,
        limit=PART_BYTES,
    )
    try:
        if process.stdin is None or process.stdout is None:
            raise DownloadFailedError("the reading process has no pipes")
        process.stdin.write(order.pack())
        process.stdin.close()
        while part := await process.stdout.read(PART_BYTES):
            yield part
        if status := await process.wait():
            raise DownloadFailedError(f"the reading process ended with status {status}")
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
        slot.release()
