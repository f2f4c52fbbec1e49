"""`/api/forecasts`: the ledger of forecasts and their outcomes, for reading."""

from rest_framework.generics import ListAPIView, RetrieveAPIView

from predictions.api.filters import ForecastFilter
from predictions.api.pagination import LedgerPagination
from predictions.api.serializers import ForecastDetailSerializer, ForecastSerializer
from predictions.models import Forecast


class ForecastList(ListAPIView[Forecast]):
    """Forecasts, newest first."""

    queryset = Forecast.objects.select_related("outcome").defer("features")
    serializer_class = ForecastSerializer
    pagination_class = LedgerPagination
    filterset_class = ForecastFilter
    http_method_names = ["get", "head", "options"]


class ForecastDetail(RetrieveAPIView[Forecast]):
    """One forecast, with its features."""

    queryset = Forecast.objects.select_related("outcome")
    serializer_class = ForecastDetailSerializer
    filter_backends = ()
    http_method_names = ["get", "head", "options"]
