"""Print every setting with its value and where it comes from; secrets are masked."""

import json
from argparse import ArgumentParser
from dataclasses import asdict

from django.conf import settings
from django.core.management.base import BaseCommand

from cryptosite.configuration import collect
from cryptosite.env import ORIGINS


class Command(BaseCommand):
    help = __doc__

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--json", action="store_true", help="one JSON object")

    def handle(self, *, json: bool, **options: object) -> None:
        entries = collect(ORIGINS, settings.INFERENCE, settings.INFERENCE_ORIGINS)
        if json:
            self.stdout.write(_as_json([asdict(entry) for entry in entries]))
            return
        width = max(len(entry.name) for entry in entries)
        for entry in entries:
            value = ",".join(entry.value) if isinstance(entry.value, list) else entry.value
            self.stdout.write(f"{entry.name:<{width}}  {value}  ({entry.source})")


def _as_json(entries: list[dict[str, object]]) -> str:
    return json.dumps({"settings": entries}, indent=2)
