"""`manage.py storage_report`: what is kept, where, and what a day of it costs."""

import json

import redis
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import DatabaseError

from predictions.recording.loop import connect
from predictions.retention.printed import printed
from predictions.retention.storage import Folder, storage_report


class Command(BaseCommand):
    help = "Tell the size of tables, files and streams, and what a day adds to each."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--json", action="store_true", help="print JSON")

    def handle(self, **options: object) -> None:
        folders = {
            "recordings": Folder(settings.RECORDINGS_DIR, settings.RECORDING_RETENTION_DAYS),
            "candles": Folder(settings.CANDLES_DIR, 0),
        }
        own_redis = settings.VAR_DIR / "redis"
        if own_redis.is_dir():
            folders["redis"] = Folder(own_redis, 0, rewritten=True)
        client: redis.Redis | None = None
        try:
            client = connect(settings.REDIS_URL)
            client.ping()
        except (redis.RedisError, OSError) as error:
            self.stderr.write(f"Redis does not answer, its streams are left out: {error}")
            client = None
        try:
            report = storage_report(
                client,
                folders,
                days=settings.FORECAST_RETENTION_DAYS,
                cluster=settings.INFERENCE.redis.cluster_mode,
            )
        except (DatabaseError, redis.RedisError, OSError) as error:
            raise CommandError(f"Redis or the database does not answer: {error}") from error
        finally:
            if client is not None:
                client.close()
        told = json.dumps(report.as_json(), indent=2) if options["json"] else printed(report)
        self.stdout.write(told)
