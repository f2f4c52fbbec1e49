from collections.abc import Sequence
from typing import Any

from django.apps import AppConfig
from django.core.checks import CheckMessage, register


class DashboardConfig(AppConfig):
    name = "dashboard"

    def ready(self) -> None:
        from predictions.watching.alert import SETTINGS_TAG

        register(_check_settings, SETTINGS_TAG)


def _check_settings(
    app_configs: Sequence[AppConfig] | None, **options: Any
) -> Sequence[CheckMessage]:
    # Only now: most processes run no checks, and pay for none of what these read.
    from cryptosite.checks import check_settings

    return check_settings(app_configs, **options)
