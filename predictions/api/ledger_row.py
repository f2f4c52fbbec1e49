"""One row of the ledger by its id, or a refusal that names it. Read by the detail views."""

from typing import ClassVar, TypeVar

from django.db.models import Model
from django.http import Http404
from rest_framework.exceptions import NotFound
from rest_framework.generics import RetrieveAPIView

Row = TypeVar("Row", bound=Model)


class LedgerRow(RetrieveAPIView[Row]):
    """Answers with a row. named: what a row is called."""

    named: ClassVar[str]
    filter_backends = ()
    http_method_names = ["get", "head", "options"]

    def get_object(self) -> Row:
        try:
            return super().get_object()
        except Http404 as error:
            raise NotFound(
                f"the ledger holds no {self.named} {str(self.kwargs['pk'])[:40]}"
            ) from error
