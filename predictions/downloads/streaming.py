"""A download as an HTTP response: read, encoded and sent a chunk at a time.

Rows are read and encoded in the request's own thread, so that the event loop answers others
meanwhile. The next chunk is read when the server has taken the last one; when the client goes
away the server ends the generator, and nothing more is read.
"""

from collections.abc import AsyncIterator, Callable, Iterator
from datetime import UTC, datetime
from typing import Any

from asgiref.sync import sync_to_async
from django.db.models import QuerySet
from django.http import HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase

from predictions.downloads.columns import Table
from predictions.downloads.csv_encoding import CsvEncoder
from predictions.downloads.parquet_encoding import ParquetEncoder
from predictions.downloads.slots import Slot, slots
from predictions.downloads.walking import chunks

ENCODERS: dict[str, type[CsvEncoder] | type[ParquetEncoder]] = {
    encoder.suffix: encoder for encoder in (CsvEncoder, ParquetEncoder)
}
"""By the value of `?format=`."""


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
    encoder = ENCODERS[suffix]
    name = f"{table.name}-{datetime.now(UTC):%Y%m%dT%H%M%SZ}.{suffix}"
    headers = {
        "Content-Disposition": f'attachment; filename="{name}"',
        "Cache-Control": "no-store",
        "X-Accel-Buffering": "no",
    }
    if head:
        return HttpResponse(content_type=encoder.content_type, headers=headers)

    def parts() -> Iterator[bytes]:
        encoding = encoder(table.columns, description)
        for values in chunks(queryset, table, as_of_ms):
            yield encoding.encode(values)
        yield encoding.end()

    return StreamingHttpResponse(
        _sent(parts, slots.take(client)), content_type=encoder.content_type, headers=headers
    )


async def _sent(parts: Callable[[], Iterator[bytes]], slot: Slot) -> AsyncIterator[bytes]:
    try:
        made = parts()
        following = sync_to_async(_following, thread_sensitive=True)
        while (part := await following(made)) is not None:
            if part:
                yield part
    finally:
        slot.release()


def _following(made: Iterator[bytes]) -> bytes | None:
    return next(made, None)
