"""`manage.py send_test_alert`: try the addresses of ALERT_URLS and SIGNAL_ALERT_URLS."""

import asyncio

from django.core.management.base import BaseCommand, CommandError

from predictions.alerting.notifying import TargetError
from predictions.alerting.trying_out import try_all


class Command(BaseCommand):
    help = (
        "Send a test message to every address of ALERT_URLS and SIGNAL_ALERT_URLS, and a signed "
        "message of type `test` to every webhook; say which of them took it."
    )
    requires_system_checks = ()

    def handle(self, **_: object) -> None:
        try:
            tried = asyncio.run(try_all())
        except TargetError as error:
            raise CommandError(str(error), returncode=78) from error
        if not tried:
            raise CommandError("none of ALERT_URLS, SIGNAL_ALERT_URLS and WEBHOOK_URLS is set")
        for each in tried:
            self.stdout.write(f"{each.channel} {each.target}: {each.error or 'sent'}")
        if failed := sum(bool(each.error) for each in tried):
            raise CommandError(f"{failed} of {len(tried)} addresses did not take it")
