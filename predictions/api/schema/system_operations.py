"""`/api/system` in the document."""

from typing import Any

from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from inference.vocabulary import ENGINES
from market.listings import SymbolStatus
from predictions.api.schema.hot_operations import ProcessSerializer
from predictions.watching.alert import Severity

Shape = serializers.Serializer[dict[str, Any]]


class AlertSerializer(Shape):
    """One thing that is wrong."""

    code = serializers.CharField()
    severity = serializers.ChoiceField([each.value for each in Severity])
    subject = serializers.CharField(help_text="A process, a store, or the settings.")
    message = serializers.CharField()
    action = serializers.CharField(allow_blank=True, help_text="What to do.")


def _whole(help_text: str = "") -> serializers.IntegerField:
    return serializers.IntegerField(allow_null=True, help_text=help_text)


class StreamSerializer(Shape):
    """A stream in Redis; null is unknown."""

    key = serializers.CharField()
    engine = serializers.ChoiceField(list(ENGINES), allow_null=True)
    length = _whole("Entries.")
    newest_age_ms = _whole("Since the newest was written, by Redis' clock.")
    pending = _whole("Taken by a recorder and not stored yet.")
    lag = _whole("Not taken yet.")
    behind_entries = _whole("Both together.")
    behind_seconds = serializers.FloatField(
        allow_null=True, help_text="How long the oldest of them has been there."
    )
    dead_letters = _whole("Set aside for a person.")
    problem = serializers.CharField(allow_blank=True)


class ConnectionSerializer(Shape):
    """One connection to the exchange."""

    name = serializers.CharField()
    up = serializers.BooleanField()
    age_ms = serializers.FloatField(allow_null=True, help_text="Since it was made.")
    proof_age_ms = serializers.FloatField(allow_null=True, help_text="Since anything came.")
    round_trip_ms = serializers.FloatField(
        allow_null=True,
        help_text="Of the last ping that was answered.",
    )
    attempts = serializers.IntegerField(help_text="In vain, since it was last there.")
    error = serializers.CharField(allow_blank=True, help_text="Why it was lost last.")
    symbols = serializers.ListField(child=serializers.CharField())


class FeedSerializer(Shape):
    """The live feed, as the market process tells."""

    exchange = serializers.CharField()
    connections = ConnectionSerializer(many=True)
    counters = serializers.DictField(
        child=serializers.IntegerField(), help_text="Since its start: frames, gaps, conflated, …"
    )
    last_minute = serializers.DictField(
        child=serializers.IntegerField(), help_text="By how much they grew in it."
    )
    clock_offset_ms = serializers.FloatField(
        allow_null=True, help_text="The exchange's clock minus this machine's."
    )
    clock_uncertainty_ms = serializers.FloatField(allow_null=True, help_text="To either side.")


class TriedSerializer(Shape):
    """An exchange that was asked in vain."""

    exchange = serializers.CharField()
    error = serializers.CharField()


class OutageSerializer(Shape):
    """No exchange answers. UTC, ms."""

    since_ms = serializers.FloatField()
    tried = TriedSerializer(many=True)
    again_ms = serializers.FloatField(allow_null=True, help_text="When they are asked again.")


class ListingSerializer(Shape):
    """One symbol on the exchange."""

    symbol = serializers.CharField()
    status = serializers.ChoiceField([each.value for each in SymbolStatus])
    since_ms = serializers.IntegerField(allow_null=True, help_text="Known since, UTC.")
    tick_size = serializers.FloatField(allow_null=True, help_text="Step of its price.")
    lot_size = serializers.FloatField(allow_null=True, help_text="Step of its size.")
    renamed_to = serializers.CharField(allow_blank=True, help_text="How the coin is listed now.")


class ListingsSerializer(Shape):
    """What an exchange said of the symbols that are wanted."""

    venue = serializers.CharField(allow_null=True)
    symbols = ListingSerializer(many=True, help_text="Those that are not traded first.")


class SystemSerializer(Shape):
    """How the instance is."""

    status = serializers.ChoiceField(["success"])
    timestamp = serializers.DateTimeField()
    health = serializers.ChoiceField(["healthy", "degraded", "unhealthy"])
    venue = serializers.CharField(allow_null=True, help_text="Of the running market.")
    live = serializers.BooleanField(allow_null=True, help_text="Whether it is a real one.")
    market = serializers.DictField(allow_null=True, help_text="venue, live, speed, market_ms.")
    processes = serializers.DictField(child=ProcessSerializer())
    redis = serializers.DictField(help_text="status; memory, policy, version where it answers.")
    database = serializers.DictField(help_text="status, latency_ms or error.")
    streams = StreamSerializer(many=True, allow_null=True)
    feed = FeedSerializer(allow_null=True, help_text="Null where the market is not live.")
    outage = OutageSerializer(allow_null=True, help_text="Null while an exchange answers.")
    listings = ListingsSerializer(
        allow_null=True, help_text="What the exchange trades; null where none has said."
    )
    ledger = serializers.DictField(
        allow_null=True, help_text="Size, last commit, last checkpoint signed and anchored."
    )
    host = serializers.DictField(help_text="Free disk of VAR_DIR and memory, bytes; null unknown.")
    recorder = serializers.DictField(help_text="What it refused, set aside, keeps and pruned.")
    downloads = serializers.DictField(help_text="Large ones of this web process: running, at_most.")
    about = serializers.DictField(help_text="Version and settings, no secret among them.")
    alerts = AlertSerializer(many=True, help_text="The worst first; empty: nothing is wrong.")


class SystemDescription(APIView):
    @extend_schema(
        operation_id="system",
        summary="How the instance is, and what is wrong now",
        description="Answers while Redis or the database is away; what is unknown then is null.",
        responses={200: OpenApiResponse(SystemSerializer, "The instance.")},
    )
    def get(self, request: Request) -> Response:
        raise NotImplementedError
