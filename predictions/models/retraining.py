"""What was trained, how it was judged, who may serve: the history of every model version.

No part of the ledger, but of its kind: rows are added; what may change of them (a run's step, a
version's state) is said at the field. A slot is `forecasts` or `signals/1h`
(`inference.artefacts.versions`).
"""

from django.db import models

SLOT_LENGTH = 32
VERSION_LENGTH = 96
TEXT_LENGTH = 500


class Origin(models.TextChoices):
    """Where a version comes from."""

    SHIPPED = "shipped", "shipped"
    TRAINED = "trained", "trained here"
    IMPORTED = "imported", "imported"


class VersionState(models.TextChoices):
    """What a version is now. candidate: registered, and not judged yet. previous: it served before
    the champion, and stays on trial."""

    CANDIDATE = "candidate", "being judged"
    SHADOW = "shadow", "on trial"
    CHAMPION = "champion", "serves"
    PREVIOUS = "previous", "served before"
    REJECTED = "rejected", "rejected"
    RETIRED = "retired", "retired"


class Trigger(models.TextChoices):
    """What began a run."""

    SCHEDULE = "schedule", "schedule"
    DRIFT = "drift", "drift"
    HAND = "hand", "by hand"


class RunStep(models.TextChoices):
    """How far a run is; each step's result lies on disk, and a run goes on from there."""

    DATASET = "dataset", "dataset"
    WALK_FORWARD = "walk_forward", "walk-forward"
    CHALLENGER = "challenger", "challenger"
    GATE = "gate", "gate"
    SHADOW = "shadow", "shadow"
    PROMOTION = "promotion", "promotion"


class RunState(models.TextChoices):
    """How a run stands or ended. unchanged: the same data and options were tried before. dropped:
    a person ended it, and nothing was decided."""

    RUNNING = "running", "running"
    ON_TRIAL = "on_trial", "challenger on trial"
    REJECTED = "rejected", "rejected by the gate"
    PROMOTED = "promoted", "promoted"
    UNCHANGED = "unchanged", "nothing new"
    FAILED = "failed", "failed"
    DROPPED = "dropped", "dropped"


UNENDED = (RunState.RUNNING, RunState.ON_TRIAL)
"""How runs stand that somebody goes on with."""


class Action(models.TextChoices):
    """What was done to a slot."""

    TRIAL = "trial", "put on trial"
    PROMOTE = "promote", "promoted"
    ROLLBACK = "rollback", "rolled back"
    REJECT = "reject", "rejected"
    RETIRE = "retire", "retired"
    FREEZE = "freeze", "frozen"
    UNFREEZE = "unfreeze", "unfrozen"


class ModelVersion(models.Model):
    """One version of a slot's model, whose files never change. state alone does.

    venue: the market that it learned from, "" where unknown. since: when it came into its state.
    digest: SHA-256 of the network. span_*: market time in ms that it learned from.
    """

    slot = models.CharField(max_length=SLOT_LENGTH)
    version = models.CharField(max_length=VERSION_LENGTH)
    origin = models.CharField(max_length=16, choices=Origin.choices)
    state = models.CharField(max_length=16, choices=VersionState.choices)
    since = models.DateTimeField()
    architecture = models.CharField(max_length=200)
    digest = models.CharField(max_length=64)
    data_digest = models.CharField(max_length=64, blank=True)
    venue = models.CharField(max_length=96, blank=True)
    span_from = models.BigIntegerField(null=True)
    span_to = models.BigIntegerField(null=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ("slot", "-created_at", "-id")
        constraints = (
            models.UniqueConstraint(fields=("slot", "version"), name="version_once"),
            models.UniqueConstraint(
                fields=("slot",), condition=models.Q(state="champion"), name="one_champion"
            ),
        )

    def __str__(self) -> str:
        return f"{self.slot} {self.version}"


class TrainingRun(models.Model):
    """One way from a dataset to a challenger, or to the reason why there is none.

    options: how it was asked for; metrics: what was measured, as in a manifest; trials: how many
    variants were tried in all, which significance accounts for. message: in one sentence how it
    ended. step, state, version, message and the times change while it runs.
    """

    slot = models.CharField(max_length=SLOT_LENGTH)
    trigger = models.CharField(max_length=16, choices=Trigger.choices)
    cause = models.CharField(max_length=TEXT_LENGTH, blank=True, help_text="such as what drifted")
    state = models.CharField(max_length=16, choices=RunState.choices, db_index=True)
    step = models.CharField(max_length=16, choices=RunStep.choices)
    symbols = models.JSONField(default=list)
    source = models.TextField(blank=True, help_text="where its data came from")
    venue = models.CharField(max_length=96, blank=True)
    data_digest = models.CharField(max_length=64, blank=True)
    options = models.JSONField(default=dict)
    metrics = models.JSONField(default=dict)
    trials = models.PositiveIntegerField(default=0)
    version = models.ForeignKey(
        ModelVersion, models.PROTECT, null=True, blank=True, related_name="runs"
    )
    message = models.TextField(blank=True)
    started_at = models.DateTimeField(auto_now_add=True)
    worked_at = models.DateTimeField(auto_now=True, help_text="when it was last heard of")
    ended_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ("-started_at", "-id")

    def __str__(self) -> str:
        return f"{self.slot} {self.started_at:%Y-%m-%d %H:%M} {self.state}"


class TrainingTrial(models.Model):
    """One variant that a run tried. loss: mean walk-forward loss, smaller is better; null where
    it failed, and why is in metrics. chosen: it became the run's challenger."""

    run = models.ForeignKey(TrainingRun, models.CASCADE, related_name="trial_rows")
    number = models.PositiveIntegerField()
    model = models.CharField(max_length=64, help_text="network or baseline")
    params = models.JSONField(default=dict)
    data_digest = models.CharField(max_length=64)
    loss = models.FloatField(null=True)
    metrics = models.JSONField(default=dict)
    chosen = models.BooleanField(default=False)
    made_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ("run_id", "number")
        constraints = (
            models.UniqueConstraint(fields=("run", "number"), name="training_trial_once"),
        )

    def __str__(self) -> str:
        return f"{self.run_id}/{self.number} {self.model}"


class GateVerdict(models.Model):
    """How a version was judged at one stage against one rival. Never changed.

    criteria: a list of name, figure (null: unknown), asked, passed (`promotion.criteria`).
    """

    version = models.ForeignKey(ModelVersion, models.PROTECT, null=True, related_name="verdicts")
    run = models.ForeignKey(TrainingRun, models.PROTECT, null=True, related_name="verdicts")
    stage = models.CharField(max_length=16)
    challenger = models.CharField(max_length=VERSION_LENGTH)
    against = models.CharField(max_length=VERSION_LENGTH)
    criteria = models.JSONField()
    passed = models.BooleanField()
    n = models.BigIntegerField()
    n_eff = models.FloatField(null=True)
    decided_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ("-decided_at", "-id")

    def __str__(self) -> str:
        return f"{self.challenger} {self.stage}: {'passed' if self.passed else 'failed'}"


class Promotion(models.Model):
    """One thing that was done to a slot: by whom, and why. Never changed.

    version: what it was done to ("" for freeze); before: what served until then. by: a user, or
    the process that decided. figures: what it was decided on.
    """

    slot = models.CharField(max_length=SLOT_LENGTH)
    action = models.CharField(max_length=16, choices=Action.choices)
    version = models.CharField(max_length=VERSION_LENGTH, blank=True)
    before = models.CharField(max_length=VERSION_LENGTH, blank=True)
    by = models.CharField(max_length=160)
    why = models.CharField(max_length=TEXT_LENGTH)
    figures = models.JSONField(default=dict)
    done_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ("-done_at", "-id")

    def __str__(self) -> str:
        return f"{self.slot}: {self.action} {self.version}".rstrip()


class DriftReading(models.Model):
    """How far one slot's inputs and outcomes have moved from what its champion learned from.

    kind: feature, calibration or loss; name: the feature, or the figure. value: PSI of a feature,
    else the figure's mean of late; effect: Kolmogorov-Smirnov distance of a feature (0..1).
    symbol: "" for the slot as a whole. reference: the figure's mean before; of a feature null.
    against: what it was held against, `training` or `ledger` ("" where there is neither). bound,
    effect_bound: what value and effect must pass, both of them. n: rows it rests on; n_eff: as
    many independent ones. Null is unknown; drifted null: it cannot be told.
    """

    slot = models.CharField(max_length=SLOT_LENGTH)
    venue = models.CharField(max_length=96)
    symbol = models.CharField(max_length=30, blank=True)
    version = models.CharField(max_length=VERSION_LENGTH)
    kind = models.CharField(max_length=16)
    name = models.CharField(max_length=64)
    value = models.FloatField(null=True)
    effect = models.FloatField(null=True)
    reference = models.FloatField(null=True)
    bound = models.FloatField(null=True)
    effect_bound = models.FloatField(null=True)
    against = models.CharField(max_length=16, blank=True)
    drifted = models.BooleanField(null=True)
    n = models.BigIntegerField()
    n_eff = models.FloatField(null=True)
    measured_at = models.DateTimeField(db_index=True)

    class Meta:
        ordering = ("-measured_at", "slot", "kind", "name")
        indexes = (models.Index(fields=("slot", "measured_at"), name="drift_by_slot"),)

    def __str__(self) -> str:
        return f"{self.slot} {self.kind} {self.name}: {self.value}"


class RollbackWatch(models.Model):
    """How far it is shown that a champion loses to its rival, in one venue. Rows change.

    reign: the Promotion since which it serves: evidence begins anew with each. rival: what it is
    held against, the version that served before or a baseline's name. e_value: what a fortune of 1
    has become by betting that it loses (`predictions.promotion.e_process`); highest: the most it
    ever was. bets: what that is computed on from. through_ms: market time up to which all was
    counted, once; blocks, decisions: how much that was. difference: the mean loss of the champion
    minus the rival's; null before the first block.
    """

    slot = models.CharField(max_length=SLOT_LENGTH)
    reign = models.ForeignKey(Promotion, models.PROTECT, related_name="watches")
    version = models.CharField(max_length=VERSION_LENGTH)
    venue = models.CharField(max_length=96)
    live = models.BooleanField()
    rival = models.CharField(max_length=VERSION_LENGTH)
    through_ms = models.BigIntegerField()
    bets = models.JSONField()
    e_value = models.FloatField()
    highest = models.FloatField()
    difference = models.FloatField(null=True)
    blocks = models.PositiveIntegerField(default=0)
    decisions = models.BigIntegerField(default=0)
    began_at = models.DateTimeField(auto_now_add=True)
    measured_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ("-reign_id", "venue")
        constraints = (
            models.UniqueConstraint(fields=("reign", "venue"), name="rollback_watch_once"),
        )

    def __str__(self) -> str:
        return f"{self.slot} {self.version} against {self.rival}: {self.e_value:.3g}"
