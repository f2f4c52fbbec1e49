from django.apps import AppConfig
from django.core.checks import register


class DashboardConfig(AppConfig):
    name = "dashboard"

    def ready(self) -> None:
        from cryptosite.checks import check_settings
        from predictions.watching.alerts import SETTINGS_TAG

        register(check_settings, SETTINGS_TAG)
