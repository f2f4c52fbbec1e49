"""`/api/forecasts`: the ledger of forecasts and their outcomes, for reading."""

from drf_spectacular.utils import extend_schema

from predictions.api.downloading import DownloadableList, described_list
from predictions.api.filters import ForecastFilter
from predictions.api.ledger_row import LedgerRow
from predictions.api.pagination import LedgerPagination
from predictions.api.schema.refusals import refusals
from predictions.api.serializers import ForecastDetailSerializer, ForecastSerializer
from predictions.downloads.tables import FORECASTS
from predictions.models import Forecast


@described_list(ForecastSerializer)
class ForecastList(DownloadableList):
    """Forecasts, newest first."""

    queryset = Forecast.objects.select_related("outcome")
    serializer_class = ForecastSerializer
    pagination_class = LedgerPagination
    filterset_class = ForecastFilter
    table = FORECASTS
    http_method_names = ["get", "head", "options"]


@extend_schema(responses={200: ForecastDetailSerializer} | refusals(404, 503))
class ForecastDetail(LedgerRow[Forecast]):
    """One forecast, with its features."""

    queryset = Forecast.objects.select_related("outcome", "leaf")
    serializer_class = ForecastDetailSerializer
    named = "forecast"
