"""Set up what is missing, then start every process of the Procfile; `make run` ends here."""

import os

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from cryptosite.processes import starting
from cryptosite.processes.starting import Listener, StartError
from cryptosite.setting_up import set_up


class Command(BaseCommand):
    help = __doc__

    def handle(self, *args: object, **options: object) -> None:
        settings.VAR_DIR.mkdir(parents=True, exist_ok=True, mode=0o700)
        try:
            starting.take_instance_lock(settings.VAR_DIR)
            starting.require_free_ports(listeners())
        except StartError as error:
            raise CommandError(str(error)) from error
        set_up(self.stdout.write)
        environ = dict(os.environ)
        url = starting.choose_redis_url(environ, settings.VAR_DIR, settings.INFERENCE.redis.host)
        if url is not None:
            environ["REDIS_URL"] = url
        elif not environ.get("REDIS_URL_FILE"):
            environ["REDIS_URL"] = settings.REDIS_URL
        self.stdout.write(
            f"starting; Ctrl-C stops everything\nopen http://{_spoken_host()}:{settings.WEB_PORT}/"
        )
        starting.become_honcho(settings.BASE_DIR / "Procfile", environ)


def listeners() -> list[Listener]:
    """Return what the Procfile's processes will bind."""
    service = settings.INFERENCE
    host = service.health.host if settings.API_TOKEN else "127.0.0.1"
    found = [
        Listener("web", settings.BIND_HOST, settings.WEB_PORT, "WEB_PORT"),
        Listener("forecast loop", host, service.health.port, "health.port in CONFIG_FILE"),
    ]
    if service.metrics.enable_prometheus:
        port = service.metrics.prometheus_port
        setting = "metrics.prometheus_port in CONFIG_FILE"
        found.append(Listener("Prometheus metrics", host, port, setting))
    return found


def _spoken_host() -> str:
    host: str = settings.BIND_HOST
    if host in ("0.0.0.0", "::"):  # noqa: S104  (only compared)
        return "127.0.0.1"
    return f"[{host}]" if ":" in host else host
