"""manage.py run_web: pages, REST, WebSocket and admin in one process."""

from typing import Any

import structlog
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from dashboard.web_server import ListenError, serve

log = structlog.get_logger(__name__)


class Command(BaseCommand):
    help = "Serve pages, REST and WebSocket on BIND_HOST:WEB_PORT until stopped."

    def handle(self, *args: Any, **options: Any) -> None:
        from cryptosite.asgi import application

        host, port = settings.BIND_HOST, settings.WEB_PORT
        server = settings.ASGI_SERVER
        shown = f"[{host}]" if ":" in host else host
        log.info("web_starting", server=server, url=f"http://{shown}:{port}")
        try:
            serve(application, server=server, host=host, port=port)
        except ListenError as error:
            raise CommandError(f"cannot listen on {host}:{port}: {error}") from error
