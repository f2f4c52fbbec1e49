"""`/api/ledger/…`: checkpoints, proofs and leaves, so that anyone can check what was said when.

Texts are those of the C2SP specifications; with tiles under the same prefix, a client of
tlog-tiles finds all hashes. What is signed never changes, so most answers may be kept for ever.
"""

import base64
import hashlib
from collections.abc import Iterable
from typing import Any

from django.http import HttpResponse, HttpResponseBase
from django.utils.cache import get_conditional_response
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import exceptions, serializers, status
from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.parsers import BaseParser
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from predictions.api.errors import InvalidParameterError
from predictions.api.schema.refusals import refusals
from predictions.api.signal_queries import refuse_others
from predictions.models import Checkpoint, LedgerEntry
from predictions.transparency.appending import leaf_data
from predictions.transparency.checkpoints import newest_checkpoint
from predictions.transparency.proofs import prove
from predictions.transparency.tile_paths import TilePathError, parse_tile_path
from predictions.transparency.tiles import (
    TILE_HEIGHT,
    TILE_WIDTH,
    IncompleteTreeError,
    read_nodes,
    read_tile,
)
from predictions.transparency.tree import consistency_proof, root

TEXT = "text/plain; charset=utf-8"
BYTES = "application/octet-stream"
FOR_EVER = "max-age=31536000, immutable"
ASK_AGAIN = "no-cache"
READING = ["get", "head", "options"]
SIZE = OpenApiParameter("size", int, description="Of an earlier checkpoint; default: the newest.")


class UnknownEntryError(exceptions.APIException):
    """The log has no such leaf, or no checkpoint of that size."""

    status_code = status.HTTP_404_NOT_FOUND
    default_code = "not_in_ledger"


class NotSignedYetError(exceptions.APIException):
    """The newest checkpoint does not reach there yet; the client waits for the next."""

    status_code = status.HTTP_404_NOT_FOUND
    default_code = "not_signed_yet"


class PrunedError(exceptions.APIException):
    """The bytes were pruned; the hashes are still there."""

    status_code = status.HTTP_410_GONE
    default_code = "pruned"


class DamagedError(exceptions.APIException):
    """Hashes are missing from the database. The operator acts."""

    status_code = status.HTTP_503_SERVICE_UNAVAILABLE
    default_code = "ledger_incomplete"


class AnyForm(BaseContentNegotiation):
    """What is answered has one form; a client's Accept header chooses nothing."""

    def select_parser(self, request: Request, parsers: Iterable[BaseParser]) -> None:
        return None

    def select_renderer(
        self, request: Request, renderers: Iterable[BaseRenderer], format_suffix: str | None = None
    ) -> tuple[BaseRenderer, str]:
        only = next(iter(renderers))
        return only, str(only.media_type)


class LedgerView(APIView):
    """What all of them share: parameters that are known, answers that can be kept."""

    http_method_names = READING
    content_negotiation_class = AnyForm
    parameters: tuple[str, ...] = ()

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        refuse_others(request.query_params, self.parameters)

    def handle_exception(self, exc: Exception) -> Response:
        if isinstance(exc, IncompleteTreeError):
            exc = DamagedError(str(exc))
        return super().handle_exception(exc)

    def answer(
        self, request: Request, body: str | bytes, content_type: str, keep: str
    ) -> HttpResponseBase:
        data = body.encode() if isinstance(body, str) else body
        etag = f'"{hashlib.sha256(data).hexdigest()[:32]}"'
        response = HttpResponse(data, content_type=content_type)
        response["ETag"], response["Cache-Control"] = etag, keep
        conditional: HttpResponseBase | None = get_conditional_response(
            request._request, etag=etag, response=response
        )
        return conditional or response


class CheckpointView(LedgerView):
    """The newest checkpoint, or an earlier one."""

    parameters = ("size",)

    @extend_schema(
        operation_id="ledger_checkpoint",
        summary="A signed statement of the log's size and root (C2SP tlog-checkpoint)",
        parameters=[SIZE],
        responses={(200, "text/plain"): OpenApiTypes.STR} | refusals(400, 404, 503),
    )
    def get(self, request: Request) -> HttpResponseBase:
        checkpoint = _checkpoint(request)
        keep = FOR_EVER if "size" in request.query_params else ASK_AGAIN
        return self.answer(request, checkpoint.note, TEXT, keep)


class ProofView(LedgerView):
    """That one leaf is in the log."""

    parameters = ("size",)

    @extend_schema(
        operation_id="ledger_proof",
        summary="That an entry is in the log (C2SP tlog-proof)",
        description="`id` is the `leaf` of a forecast or a signal. Against the newest checkpoint, "
        "or that of `size`.",
        parameters=[SIZE],
        responses={(200, "text/plain"): OpenApiTypes.STR} | refusals(400, 404, 503),
    )
    def get(self, request: Request, pk: int) -> HttpResponseBase:
        checkpoint = _checkpoint(request)
        _require_signed(pk, checkpoint)
        keep = FOR_EVER if "size" in request.query_params else ASK_AGAIN
        return self.answer(request, prove(pk, checkpoint).text, TEXT, keep)


class EntryView(LedgerView):
    """The leaf itself."""

    @extend_schema(
        operation_id="ledger_entry",
        summary="The bytes of a leaf: when the entry reached its log, and the entry",
        description="The id in the stream, a newline, and the packed entry. SHA-256 of a zero "
        "byte and these is the leaf's hash, of the entry alone the hash in the chain.",
        responses={(200, BYTES): OpenApiTypes.BINARY} | refusals(400, 404, 410, 503),
    )
    def get(self, request: Request, pk: int) -> HttpResponseBase:
        entry = LedgerEntry.objects.filter(index=pk).only("stream_id", "packed").first()
        if entry is None:
            raise UnknownEntryError(f"the log has no entry {pk}")
        if entry.packed is None:
            raise PrunedError(
                f"the bytes of entry {pk} were pruned after their time; its proof is still given"
            )
        data = leaf_data(entry.stream_id, bytes(entry.packed))
        return self.answer(request, data, BYTES, FOR_EVER)


class KeyView(LedgerView):
    """The key that checkpoints are checked with."""

    @extend_schema(
        operation_id="ledger_key",
        summary="The key that checkpoints are checked with (C2SP verifier key)",
        description="Fetch it once and keep it: whoever could exchange the log could exchange "
        "the key here as well.",
        responses={(200, "text/plain"): OpenApiTypes.STR} | refusals(400, 404, 503),
    )
    def get(self, request: Request) -> HttpResponseBase:
        return self.answer(request, f"{_newest().vkey}\n", TEXT, ASK_AGAIN)


class ConsistencySerializer(serializers.Serializer[dict[str, Any]]):
    """That the tree of `to` leaves begins with that of `from`. Hashes are base64."""

    to = serializers.IntegerField(min_value=0, help_text="Size of the later tree.")
    from_root = serializers.CharField(help_text="Root of the earlier tree.")
    to_root = serializers.CharField(help_text="Root of the later tree.")
    hashes = serializers.ListField(
        child=serializers.CharField(), help_text="The proof of RFC 9162, section 2.1.4."
    )

    def get_fields(self) -> dict[str, serializers.Field[Any, Any, Any, Any]]:
        # `from` is a word of Python's own and cannot be written above.
        first = serializers.IntegerField(min_value=0, help_text="Size of the earlier tree.")
        return {"from": first, **super().get_fields()}


class ConsistencyView(LedgerView):
    """That nothing between two sizes was rewritten."""

    parameters = ("from", "to")

    @extend_schema(
        operation_id="ledger_consistency",
        summary="That a later tree begins with an earlier one (RFC 9162)",
        parameters=[
            OpenApiParameter("from", int, required=True, description="The earlier size."),
            OpenApiParameter("to", int, description="The later size; default: the newest signed."),
        ],
        responses={200: ConsistencySerializer} | refusals(400, 404, 503),
    )
    def get(self, request: Request) -> HttpResponseBase:
        query = request.query_params
        if "from" not in query:
            raise InvalidParameterError("from: is needed, the size of an earlier tree")
        signed = _newest().size
        first = _size("from", query["from"])
        second = _size("to", query["to"]) if "to" in query else signed
        if first > second:
            raise InvalidParameterError(f"from: must be at most {second}, not {first}")
        if second > signed:
            raise NotSignedYetError(f"the newest checkpoint is of {signed} entries, not {second}")
        response = Response(
            {
                "from": first,
                "to": second,
                "from_root": _encode(root(first, read_nodes)),
                "to_root": _encode(root(second, read_nodes)),
                "hashes": [_encode(each) for each in consistency_proof(first, second, read_nodes)],
            }
        )
        response["Cache-Control"] = FOR_EVER if "to" in query else ASK_AGAIN
        return response


class TileView(LedgerView):
    """Hashes of the tree, 256 at a time."""

    @extend_schema(
        operation_id="ledger_tile",
        summary="Hashes of the tree (C2SP tlog-tiles)",
        description="`tile` is the tile's number and, where it is not full, `.p/` and its width: "
        "`x001/x234/067.p/5`.",
        responses={(200, BYTES): OpenApiTypes.BINARY} | refusals(400, 404, 503),
    )
    def get(self, request: Request, level: int, tile: str) -> HttpResponseBase:
        try:
            place, width = parse_tile_path(level, tile)
        except TilePathError as error:
            raise UnknownEntryError(str(error)) from error
        held = _newest().size >> (TILE_HEIGHT * place.level)
        if place.number * TILE_WIDTH + width > held:
            raise NotSignedYetError(
                f"the newest checkpoint has {held} hashes of level {place.level}"
            )
        return self.answer(request, read_tile(place, width), BYTES, FOR_EVER)


def _checkpoint(request: Request) -> Checkpoint:
    if "size" not in request.query_params:
        return _newest()
    size = _size("size", request.query_params["size"])
    found = Checkpoint.objects.filter(size=size).first()
    if found is None:
        raise UnknownEntryError(f"no checkpoint of {size} entries was signed")
    return found


def _newest() -> Checkpoint:
    found = newest_checkpoint()
    if found is None:
        raise NotSignedYetError("no checkpoint was signed yet")
    return found


def _require_signed(index: int, checkpoint: Checkpoint) -> None:
    if index < checkpoint.size:
        return
    if LedgerEntry.objects.filter(index=index).exists():
        raise NotSignedYetError(
            f"entry {index} is newer than the checkpoint of {checkpoint.size} entries; "
            "the next one follows within a minute"
        )
    raise UnknownEntryError(f"the log has no entry {index}")


def _size(name: str, text: str) -> int:
    if not text.isascii() or not text.isdigit() or len(text) > 18:
        raise InvalidParameterError(f"{name}: must be a whole number from 0, not {text!r:.40}")
    return int(text)


def _encode(data: bytes) -> str:
    return base64.b64encode(data).decode()
