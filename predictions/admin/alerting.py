"""Who was told what in the admin: incidents, and messages, of which dead ones can be sent again."""

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.safestring import SafeString

from predictions.admin.marks import BAD, EVEN, GOOD, mark
from predictions.admin.reading import LedgerAdmin
from predictions.models import Delivery, DeliveryState, Incident
from predictions.outbox import rows

_MARKS = {
    DeliveryState.WAITING: (EVEN, "waiting"),
    DeliveryState.DELIVERED: (GOOD, "delivered"),
    DeliveryState.DEAD: (BAD, "dead"),
}


@admin.register(Delivery)
class DeliveryAdmin(LedgerAdmin):
    list_display = (
        "id",
        "created_at",
        "channel",
        "shown_state",
        "message_id",
        "target",
        "tries",
        "last_error",
        "next_try_at",
        "give_up_at",
        "settled_at",
    )
    list_filter = ("state", "channel")
    search_fields = ("message_id__startswith",)
    date_hierarchy = "created_at"
    ordering = ("-id",)
    sortable_by = ()
    key = ("id",)
    actions = ("send_again",)

    @admin.display(description="state")
    def shown_state(self, delivery: Delivery) -> SafeString:
        return mark(*_MARKS[DeliveryState(delivery.state)])

    @admin.action(description="Send dead messages again", permissions=("send",))
    def send_again(self, request: HttpRequest, chosen: QuerySet[Delivery]) -> None:
        count = rows.send_again(chosen, timezone.now())
        if count:
            told = "1 message is" if count == 1 else f"{count} messages are"
            self.message_user(request, f"{told} sent again.", messages.SUCCESS)
        else:
            self.message_user(request, "None of them is dead.", messages.WARNING)

    def has_send_permission(self, request: HttpRequest) -> bool:
        """Tell whether the action is this user's: who may change deliveries."""
        return bool(request.user.has_perm("predictions.change_delivery"))


@admin.register(Incident)
class IncidentAdmin(LedgerAdmin):
    list_display = ("began_at", "ended_at", "code", "subject", "severity", "message")
    list_filter = ("severity", "code", "subject")
    search_fields = ("code__startswith",)
    date_hierarchy = "began_at"
    ordering = ("-began_at", "-id")
    sortable_by = ()
    key = ("began_at", "id")
