"""A signal's fields in REST, with their units: the document's side of `Signal.item`."""

from typing import Any

from rest_framework import serializers

from inference.vocabulary import DIRECTIONS, Direction, Role, SignalReason
from market.candles.timeframes import SIGNAL_TIMEFRAMES

Shape = serializers.Serializer[dict[str, Any]]

TIMEFRAMES = [timeframe.value for timeframe in SIGNAL_TIMEFRAMES]
SIDES = [Direction.LONG.value, Direction.SHORT.value]
NO_TRADE_REASONS = [
    SignalReason.NONE.value,
    SignalReason.MODEL_SAYS_NO_TRADE.value,
    SignalReason.BELOW_THRESHOLD.value,
    SignalReason.NO_SKILL_SHOWN.value,
]
ERROR_CODES = [reason.value for reason in SignalReason if reason.value not in NO_TRADE_REASONS]
"""Why a coin has no signal of its newest candle."""


def _share(help_text: str, **options: Any) -> serializers.FloatField:
    return serializers.FloatField(min_value=0, max_value=1, help_text=help_text, **options)


def _price(help_text: str, **options: Any) -> serializers.FloatField:
    return serializers.FloatField(help_text=f"{help_text}, in quote currency.", **options)


def _moment(help_text: str) -> serializers.DateTimeField:
    return serializers.DateTimeField(help_text=f"{help_text}. Market time, ISO 8601, UTC.")


class ProbabilitiesSerializer(Shape):
    """Of the three classes; they sum to 1."""

    LONG = _share("That the upper barrier (entry + 1 R) is touched first.")
    SHORT = _share("That the lower barrier (entry - 1 R) is touched first.")
    NO_TRADE = _share("That neither is touched within 12 candles.")


class TakeProfitSerializer(Shape):
    """One target."""

    level = serializers.IntegerField(min_value=1, max_value=3, help_text="Distance in R.")
    price = _price("Where it lies")


class CurrentSignalSerializer(Shape):
    """What was said of one coin at the close of one candle."""

    symbol = serializers.CharField(help_text="As stored: BTCUSDT.")
    timeframe = serializers.ChoiceField(TIMEFRAMES, help_text="Length of the candle.")
    direction = serializers.ChoiceField(
        [direction.value for direction in DIRECTIONS],
        help_text="The likeliest class; NO_TRADE where that is below the threshold.",
    )
    confidence = _share("The largest of the three probabilities.")
    probabilities = ProbabilitiesSerializer()
    model_accuracy = _share(
        "Share of the three classes hit, out of sample, by the model that is served.",
        allow_null=True,
    )
    live_accuracy = _share("The same, from graded signals; null until measured.", allow_null=True)
    entry = _price("Close of the candle")
    stop_loss = _price("Entry minus 1 R (SHORT: plus); null for NO_TRADE", allow_null=True)
    take_profits = TakeProfitSerializer(many=True, help_text="Empty for NO_TRADE.")
    tp_eta_minutes = serializers.IntegerField(
        allow_null=True, help_text="Median minutes to the first target, given that it is touched."
    )
    tp_eta_interval_minutes = serializers.ListField(
        child=serializers.IntegerField(),
        min_length=2,
        max_length=2,
        allow_null=True,
        help_text="80 % interval of `tp_eta_minutes`.",
    )
    provisional = serializers.BooleanField(
        help_text="Whether the candle was rolled up here and the exchange has not confirmed it."
    )
    reason = serializers.ChoiceField(NO_TRADE_REASONS, help_text='Why NO_TRADE; "" otherwise.')
    model_version = serializers.CharField()
    model_role = serializers.ChoiceField(
        [role.value for role in Role],
        help_text="baseline where a baseline is served in the network's place.",
    )
    venue = serializers.CharField(help_text="Which market the candles are of.")
    live = serializers.BooleanField(help_text="Whether that market is a real one, running now.")
    prediction_time = _moment("The decision's time: close of the candle")
    valid_until = _moment(
        "Until when entering is still what was predicted: 2/15 of the timeframe after the close"
    )
    expired = serializers.BooleanField(help_text="Whether market time has passed `valid_until`.")
    made_at = _moment("When it was computed; after a start later than its candle's close")
    candle_open = _moment("Open of the candle, its label")
    candle_close = _moment("Close of the candle")


class SignalFailureSerializer(Shape):
    """Why one coin has no signal of its newest candle."""

    symbol = serializers.CharField()
    timeframe = serializers.ChoiceField(TIMEFRAMES)
    code = serializers.ChoiceField(ERROR_CODES)
    message = serializers.CharField(help_text="The code in a sentence, with what was found.")


class EnvelopeSerializer(Shape):
    """What surrounds signals."""

    status = serializers.ChoiceField(["success"])
    timestamp = _moment("Now")
    count = serializers.IntegerField(min_value=0, help_text="Length of `predictions`.")
    predictions = CurrentSignalSerializer(many=True)
    errors = SignalFailureSerializer(  # type: ignore[assignment]  # Serializer has one, too
        many=True,
        help_text="Coins without a signal of the newest candle. An older one may still be listed.",
    )
    venue = serializers.CharField(help_text="The running market.")
    live = serializers.BooleanField(help_text="Whether it is a real one, running now.")


class SignalListSerializer(EnvelopeSerializer):
    """Signals of one timeframe."""

    timeframe = serializers.ChoiceField(TIMEFRAMES)


class SignalSummarySerializer(EnvelopeSerializer):
    """One coin at every timeframe."""

    symbol = serializers.CharField()
    agreement = _share(
        "Share of the signals that say `agreed_direction`, of those whose model can call one "
        "(`reason` is not no_skill_shown); null where none says LONG or SHORT.",
        allow_null=True,
    )
    agreed_direction = serializers.ChoiceField(
        SIDES,
        allow_null=True,
        help_text="The more frequent of LONG and SHORT; null where neither is.",
    )
