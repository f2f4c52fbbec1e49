"""`/api/signals`: the ledger of signals and their outcomes, for reading."""

from drf_spectacular.utils import extend_schema

from predictions.api.downloading import DownloadableList, described_list
from predictions.api.filters import SignalFilter
from predictions.api.ledger_row import LedgerRow
from predictions.api.pagination import LedgerPagination
from predictions.api.schema.refusals import refusals
from predictions.api.signal_serializers import SignalDetailSerializer, SignalSerializer
from predictions.as_of import with_superseded
from predictions.downloads.tables import SIGNALS
from predictions.models import Signal


@described_list(SignalSerializer)
class SignalList(DownloadableList):
    """Signals, newest first."""

    queryset = Signal.objects.select_related("outcome")
    serializer_class = SignalSerializer
    pagination_class = LedgerPagination
    filterset_class = SignalFilter
    table = SIGNALS
    http_method_names = ["get", "head", "options"]


@extend_schema(responses={200: SignalDetailSerializer} | refusals(404, 503))
class SignalDetail(LedgerRow[Signal]):
    """One signal, with its indicators."""

    queryset = with_superseded(Signal.objects.select_related("outcome", "leaf"), None)
    serializer_class = SignalDetailSerializer
    named = "signal"
