"""`manage.py run_alerts`: tell of what is wrong, and of signals, to whom the settings name."""

import asyncio

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from market.stopping import StopFlag
from predictions.alerting.heartbeat import idle


class Command(BaseCommand):
    help = (
        "Send operational alerts (ALERT_URLS), signals as notifications (SIGNAL_ALERT_URLS) and "
        "as signed webhooks (WEBHOOK_URLS). Idles where none is set."
    )
    requires_system_checks = ()

    def handle(self, **_: object) -> None:
        stopping = StopFlag().install()
        if not settings.ALERTING:
            self.stdout.write("alerts: none of ALERT_URLS, SIGNAL_ALERT_URLS, WEBHOOK_URLS is set")
            asyncio.run(idle(stopping))
            return
        # Only now: an instance that tells nobody does without these libraries.
        from predictions.alerting.notifying import TargetError
        from predictions.alerting.process import serve

        try:
            asyncio.run(serve(stopping))
        except TargetError as error:
            raise CommandError(str(error), returncode=78) from error
