"""What is told of versions, verdicts, runs and promotions, in the document."""

from typing import Any

from drf_spectacular.utils import OpenApiParameter
from rest_framework import serializers

from inference.artefacts.versions import SLOTS
from inference.vocabulary import ENGINES
from predictions.api.schema.signal_shapes import TIMEFRAMES
from predictions.cards.glossary import Panel
from predictions.models.retraining import (
    Action,
    Origin,
    RunState,
    RunStep,
    Trigger,
    VersionState,
)
from predictions.promotion.criteria import Stage
from predictions.promotion.told import DriftKind
from predictions.promotion.told_watches import Standing

Shape = serializers.Serializer[dict[str, Any]]
SLOT_NAMES = [str(slot) for slot in SLOTS]
STAGES = [stage.value for stage in Stage]
SLOT = OpenApiParameter(
    "slot", str, required=True, enum=SLOT_NAMES, description="What one champion serves."
)


class VersionSerializer(Shape):
    """One version of a slot's model."""

    version = serializers.CharField()
    state = serializers.ChoiceField(VersionState.values)
    origin = serializers.ChoiceField(Origin.values)
    since = serializers.DateTimeField(
        allow_null=True, help_text="When it came into its state; null of what serves as shipped."
    )
    architecture = serializers.CharField()
    digest = serializers.CharField(help_text="SHA-256 of the network.")
    data_digest = serializers.CharField(allow_null=True, help_text="Of what it learned from.")
    venue = serializers.CharField(allow_null=True, help_text="The market that it learned from.")
    span_from = serializers.IntegerField(allow_null=True, help_text="ms of market time.")
    span_to = serializers.IntegerField(allow_null=True)


class VoiceSerializer(Shape):
    """How a version on trial speaks, as `run_shadow` says."""

    state = serializers.CharField(help_text="loading, speaking, refused or too_slow.")
    message = serializers.CharField(allow_blank=True)
    said = serializers.IntegerField(allow_null=True, help_text="Entries since its start.")
    skipped = serializers.IntegerField(help_text="Entries that it did not answer.")
    behind = serializers.IntegerField(allow_null=True)


class TrialSerializer(VersionSerializer):
    """A version on trial, or the champion's predecessor, which goes on predicting."""

    run = serializers.IntegerField(
        allow_null=True, help_text="The run that judges it; null: only a person does."
    )
    market = serializers.CharField(allow_null=True, help_text="The venue that it is tried in.")
    until = serializers.DateTimeField(
        allow_null=True, help_text="Market time at which the second gate looks, once."
    )
    days_left = serializers.FloatField(
        allow_null=True, help_text="Of market time; null: unknown, or another market runs."
    )
    prolonged = serializers.IntegerField(help_text="How often, for want of decisions.")
    voice = VoiceSerializer(allow_null=True, help_text="null: `run_shadow` says nothing of it.")


class WatchSerializer(Shape):
    """How far it is shown that the champion loses to its rival."""

    venue = serializers.CharField()
    live = serializers.BooleanField()
    version = serializers.CharField()
    against = serializers.CharField(help_text="The version before it, or a baseline.")
    e_value = serializers.FloatField(
        allow_null=True, help_text="What a stake of 1 on its losing has become."
    )
    highest = serializers.FloatField(allow_null=True)
    threshold = serializers.FloatField(
        allow_null=True, help_text="At which the champion is rolled back."
    )
    difference = serializers.FloatField(
        allow_null=True, help_text="Its mean loss less the rival's; above 0 it is worse."
    )
    n = serializers.IntegerField(help_text="Decisions.")
    blocks = serializers.IntegerField(help_text="Stretches of time that are counted as one.")
    through_ms = serializers.IntegerField()
    standing = serializers.ChoiceField([each.value for each in Standing])
    problem = serializers.CharField(allow_null=True)


class ChampionSerializer(Shape):
    """What serves, and who let it."""

    version = serializers.CharField()
    origin = serializers.ChoiceField(Origin.values, allow_null=True)
    action = serializers.ChoiceField(
        [Action.PROMOTE.value, Action.ROLLBACK.value],
        allow_null=True,
        help_text="How it came to serve; null: it was shipped, or came another way.",
    )
    since = serializers.DateTimeField(allow_null=True)
    by = serializers.CharField(allow_null=True)
    why = serializers.CharField(allow_null=True)


class FrozenSerializer(Shape):
    """A slot that no process may change."""

    since = serializers.DateTimeField()
    by = serializers.CharField()
    why = serializers.CharField()


class RetrainingSerializer(Shape):
    """When models are trained anew, as the process `retrain` says."""

    status = serializers.CharField(
        allow_null=True, help_text="active while something runs, idle, down; null: Redis is away."
    )
    schedule = serializers.ChoiceField(["off", "weekly", "monthly"])
    next_due = serializers.DateTimeField(allow_null=True)
    why = serializers.CharField(allow_null=True, help_text="Why nothing is retrained by itself.")
    doing = serializers.CharField(allow_null=True, help_text="What runs now.")


class NewestRunSerializer(Shape):
    """How the newest run stands."""

    id = serializers.IntegerField()
    trigger = serializers.ChoiceField(Trigger.values)
    state = serializers.ChoiceField(RunState.values)
    step = serializers.ChoiceField(RunStep.values)
    message = serializers.CharField(allow_blank=True)
    started_at = serializers.DateTimeField()
    ended_at = serializers.DateTimeField(allow_null=True)


class DriftCountSerializer(Shape):
    """How many figures are past their bound."""

    measured_at = serializers.DateTimeField()
    figures = serializers.IntegerField()
    judged = serializers.IntegerField(help_text="Of so many it can be told.")
    drifted = serializers.IntegerField()


class ModelSlotSerializer(Shape):
    """One slot: who serves it, who did before, who is on trial."""

    slot = serializers.ChoiceField(SLOT_NAMES)
    engine = serializers.ChoiceField(list(ENGINES))
    timeframe = serializers.ChoiceField(TIMEFRAMES, allow_null=True)
    champion = ChampionSerializer(allow_null=True, help_text="null: nothing serves it.")
    previous = serializers.CharField(allow_null=True, help_text="Where a rollback goes.")
    trials = TrialSerializer(many=True)
    frozen = FrozenSerializer(allow_null=True)
    run = NewestRunSerializer(allow_null=True)
    drift = DriftCountSerializer(allow_null=True, help_text="null: not measured.")
    drift_problem = serializers.CharField(allow_null=True, help_text="Why it was not, of late.")
    watch = WatchSerializer(allow_null=True, help_text="The rollback watch; null: it says nothing.")


class CriterionSerializer(Shape):
    """One question to the challenger."""

    name = serializers.CharField()
    meaning = serializers.CharField(
        allow_null=True, help_text="What it asks, in plain words; null: this version asks no such."
    )
    figure = serializers.FloatField(allow_null=True, help_text="null: unknown, which never passes.")
    asked = serializers.CharField()
    passed = serializers.BooleanField(allow_null=True)


class WordSerializer(Shape):
    """What one term means."""

    term = serializers.CharField()
    means = serializers.CharField(help_text="One plain sentence.")
    panels = serializers.ListField(
        child=serializers.ChoiceField([panel.value for panel in Panel]),
        help_text="Parts of the Models page that use it.",
    )


class WordsSerializer(Shape):
    """The words of retraining."""

    status = serializers.ChoiceField(["success"])
    words = WordSerializer(many=True)


class GateVerdictSerializer(Shape):
    """How a version was judged at one stage against one rival."""

    id = serializers.IntegerField()
    stage = serializers.ChoiceField(STAGES)
    challenger = serializers.CharField()
    against = serializers.CharField()
    passed = serializers.BooleanField()
    criteria = CriterionSerializer(many=True)
    n = serializers.IntegerField(help_text="Decisions that it rests on.")
    n_eff = serializers.FloatField(allow_null=True, help_text="Of independent ones.")
    run = serializers.IntegerField(allow_null=True)
    decided_at = serializers.DateTimeField()


class RunSerializer(NewestRunSerializer):
    """One way from a dataset to a challenger, or to the reason why there is none."""

    slot = serializers.ChoiceField(SLOT_NAMES)
    cause = serializers.CharField(allow_null=True, help_text="Such as what drifted.")
    message = serializers.CharField(allow_null=True, help_text="How it ended.")
    trials = serializers.IntegerField(help_text="Variants tried, which significance accounts for.")
    version = serializers.CharField(allow_null=True, help_text="The challenger that came of it.")
    venue = serializers.CharField(allow_null=True)
    data_digest = serializers.CharField(allow_null=True)
    worked_at = serializers.DateTimeField(help_text="When it was last heard of.")


class VariantSerializer(Shape):
    """One variant that a run tried."""

    number = serializers.IntegerField()
    model = serializers.CharField()
    params = serializers.DictField()
    loss = serializers.FloatField(
        allow_null=True, help_text="Mean walk-forward loss, smaller is better; null: it failed."
    )
    metrics = serializers.DictField()
    chosen = serializers.BooleanField(help_text="It became the run's challenger.")
    made_at = serializers.DateTimeField()


class RunReportSerializer(RunSerializer):
    """A run with all that it tried."""

    status = serializers.ChoiceField(["success"])
    symbols = serializers.ListField(child=serializers.CharField())
    source = serializers.CharField(allow_null=True)  # type: ignore[assignment]  # a Field has one
    options = serializers.DictField()
    metrics = serializers.DictField()
    tried = VariantSerializer(many=True)
    verdicts = GateVerdictSerializer(many=True)


class PromotionSerializer(Shape):
    """One thing that was done to a slot."""

    action = serializers.ChoiceField(Action.values)
    version = serializers.CharField(allow_null=True)
    before = serializers.CharField(allow_null=True, help_text="What served until then.")
    by = serializers.CharField()
    why = serializers.CharField()
    figures = serializers.DictField(help_text="What it was decided on.")
    done_at = serializers.DateTimeField()


class ReadingSerializer(Shape):
    """How far one figure has moved from what the champion learned from."""

    venue = serializers.CharField()
    symbol = serializers.CharField(allow_null=True, help_text="null: the slot as a whole.")
    version = serializers.CharField()
    kind = serializers.ChoiceField([kind.value for kind in DriftKind])
    name = serializers.CharField()
    value = serializers.FloatField(allow_null=True, help_text="PSI of a feature, else of late.")
    effect = serializers.FloatField(allow_null=True, help_text="Kolmogorov-Smirnov distance.")
    reference = serializers.FloatField(allow_null=True, help_text="Its mean before.")
    bound = serializers.FloatField(allow_null=True, help_text="What the value must pass.")
    against = serializers.CharField(
        allow_null=True, help_text="training, or ledger: the version's own first days."
    )
    drifted = serializers.BooleanField(allow_null=True, help_text="null: it cannot be told.")
    n = serializers.IntegerField()
    n_eff = serializers.FloatField(allow_null=True)


class DriftSerializer(Shape):
    """A slot's newest readings, what has drifted first."""

    measured_at = serializers.DateTimeField()
    readings = ReadingSerializer(many=True)


class HistorySerializer(Shape):
    """A slot's past, the newest first."""

    status = serializers.ChoiceField(["success"])
    slot = serializers.ChoiceField(SLOT_NAMES)
    versions = VersionSerializer(many=True)
    verdicts = GateVerdictSerializer(many=True)
    runs = RunSerializer(many=True)
    promotions = PromotionSerializer(many=True)
    drift = DriftSerializer(allow_null=True, help_text="null: not measured.")
