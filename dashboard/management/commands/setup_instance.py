"""Make this instance ready: database, static files, first administrator."""

from django.core.management.base import BaseCommand

from cryptosite.setting_up import set_up


class Command(BaseCommand):
    help = __doc__

    def handle(self, *args: object, **options: object) -> None:
        set_up(self.stdout.write)
