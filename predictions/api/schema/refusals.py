"""The error shape in the document, with an example for each status."""

from drf_spectacular.utils import OpenApiExample, OpenApiResponse
from rest_framework import serializers

from predictions.api.errors import error_body

EVERYWHERE = (401, 429)
"""Statuses that an operation answers with unless its view's `refused_with` names others."""

_EXAMPLES: dict[int, tuple[str, str, str]] = {
    400: (
        "A parameter is unknown, or its value is not allowed; the message says what is.",
        "invalid_parameter",
        "timeframe: '5m' is not a timeframe; allowed are 15m, 1h, 4h, 1d",
    ),
    401: (
        "`API_TOKEN` is set and was not sent.",
        "unauthorized",
        "send the instance's API_TOKEN as `Authorization: Bearer <token>`, or log in",
    ),
    404: (
        "There is no such symbol, row or address.",
        "unknown_symbol",
        "PAXGUSDT has no signals here; served are BTCUSDT, ETHUSDT",
    ),
    410: (
        "It was there, and was pruned after its time.",
        "pruned",
        "the bytes of entry 12 were pruned after their time; its proof is still given",
    ),
    429: (
        "More than `API_RATE` requests; `Retry-After` gives the seconds to wait.",
        "throttled",
        "more than 1200/minute requests; try again in 1 s",
    ),
    503: (
        "What the answer is read from does not answer.",
        "redis_unavailable",
        "Redis does not answer; try again soon",
    ),
}


class ErrorSerializer(serializers.Serializer[dict[str, str]]):
    """Every refusal has this shape."""

    status = serializers.ChoiceField(["error"])
    code = serializers.CharField(help_text="What went wrong, for programs.")
    message = serializers.CharField(help_text="What went wrong and what is allowed, for people.")


def refusal(status: int) -> OpenApiResponse:
    """Return the described refusal of one status."""
    text, code, message = _EXAMPLES[status]
    example = OpenApiExample(code, error_body(code, message), response_only=True)
    return OpenApiResponse(ErrorSerializer, text, [example])


def refusals(*statuses: int) -> dict[int, OpenApiResponse]:
    """Return the described refusals of some statuses."""
    return {status: refusal(status) for status in statuses}
