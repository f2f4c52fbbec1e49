"""How drf-spectacular finds our views, and what it adds to every operation."""

from collections.abc import Callable
from typing import Any, Literal

from drf_spectacular.openapi import AutoSchema
from rest_framework.views import APIView

from predictions.api.errors import AsyncView
from predictions.api.schema.refusals import EVERYWHERE, refusal

Direction = Literal["request", "response"]


def described_by(description: type[APIView]) -> Callable[[AsyncView], AsyncView]:
    """Let the document describe a plain view as it would that REST view, which never serves."""

    def mark(view: AsyncView) -> AsyncView:
        view.cls = description  # type: ignore[attr-defined]
        view.initkwargs = {}  # type: ignore[attr-defined]
        return view

    return mark


class ApiSchema(AutoSchema):
    """Adds the refusals that any operation may answer with."""

    def get_tags(self) -> list[str]:
        first = self.path.removeprefix("/api").lstrip("/").partition("/")[0]
        return [first]

    def map_renderers(self, attribute: str) -> list[Any]:
        # Refusals are of the first; a view that answers in others names them itself.
        named: list[Any] = super().map_renderers(attribute)
        return named[:1] if attribute == "media_type" else named

    def _get_response_bodies(self, direction: Direction = "response") -> dict[str, Any]:
        bodies: dict[str, Any] = super()._get_response_bodies(direction)
        for code in getattr(self.view, "refused_with", EVERYWHERE):
            describe: Callable[..., Any] = self._get_response_for_code
            bodies.setdefault(str(code), describe(refusal(code), str(code)))
        return bodies
