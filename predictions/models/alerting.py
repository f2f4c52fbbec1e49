"""Who was told what: incidents, messages on their way, and which process sends them.

No part of the ledger: these rows change, and old ones are deleted.
"""

from django.db import models

CODE_LENGTH = 64
TARGET_LENGTH = 200
ERROR_LENGTH = 500


class Channel(models.TextChoices):
    """What a message is."""

    ALERT = "alert", "operational alert"
    NOTIFICATION = "notification", "signal as a notification"
    WEBHOOK = "webhook", "signal as a webhook"


class DeliveryState(models.TextChoices):
    """How far a message is. dead: it was not delivered in time; a person may send it again."""

    WAITING = "waiting", "waiting"
    DELIVERED = "delivered", "delivered"
    DEAD = "dead", "dead"


class AlertLead(models.Model):
    """The one row that says which process sends. Each beat is one more; a standby takes over
    where it stood still. leaf: signals of the ledger's entries up to this one were looked at.
    """

    owner = models.CharField(max_length=160, blank=True)
    beat = models.BigIntegerField(default=0)
    leaf = models.BigIntegerField(null=True)

    def __str__(self) -> str:
        return f"{self.owner or 'nobody'} {self.beat}"


class Incident(models.Model):
    """One thing that was wrong for a while. ended_at is null while it lasts.

    began_at: since when it had been wrong when it was told; ended_at: when it was right again.
    """

    code = models.CharField(max_length=CODE_LENGTH)
    subject = models.CharField(max_length=CODE_LENGTH)
    severity = models.CharField(max_length=16)
    message = models.TextField()
    action = models.TextField(blank=True)
    began_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, db_index=True)

    class Meta:
        ordering = ("-began_at", "-id")
        constraints = (
            models.UniqueConstraint(
                fields=("code", "subject"),
                condition=models.Q(ended_at=None),
                name="incident_open_once",
            ),
        )

    def __str__(self) -> str:
        return f"{self.code} {self.subject} {self.began_at:%Y-%m-%d %H:%M:%S}"


class Delivery(models.Model):
    """One message to one address; its id is the same at every try.

    target: the address without what must stay secret; target_key: by which the settings' address
    is found again. tries: since it was written, or last sent again. give_up_at: when it is dead.
    """

    channel = models.CharField(max_length=16, choices=Channel)
    message_id = models.CharField(max_length=160)
    target = models.CharField(max_length=TARGET_LENGTH)
    target_key = models.CharField(max_length=32)
    payload = models.JSONField()
    state = models.CharField(
        max_length=16, choices=DeliveryState, default=DeliveryState.WAITING.value
    )
    tries = models.PositiveIntegerField(default=0)
    last_error = models.CharField(max_length=ERROR_LENGTH, blank=True)
    created_at = models.DateTimeField()
    next_try_at = models.DateTimeField()
    give_up_at = models.DateTimeField()
    settled_at = models.DateTimeField(null=True, db_index=True)

    class Meta:
        ordering = ("-id",)
        verbose_name_plural = "deliveries"
        constraints = (
            models.UniqueConstraint(
                fields=("message_id", "target_key"), name="delivery_once_a_target"
            ),
        )
        indexes = (
            models.Index(
                fields=("next_try_at",),
                condition=models.Q(state="waiting"),
                name="delivery_waiting",
            ),
        )

    def __str__(self) -> str:
        return f"{self.message_id} to {self.target}: {self.state}"
