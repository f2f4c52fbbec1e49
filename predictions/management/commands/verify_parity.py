"""`manage.py verify_parity`: compute what was said anew from the recorded market."""

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandParser

from predictions.audit.options import (
    ENGINES,
    add_options,
    forecaster_paths,
    market_time,
    positive,
    tell,
)


class Command(BaseCommand):
    help = "Compute logged predictions anew from recorded market data; any difference is named."
    requires_system_checks = ()  # they import the URLs, and with them what only the web needs

    def add_arguments(self, parser: CommandParser) -> None:
        add_options(parser)
        parser.add_argument("--venue", help="default: all")
        parser.add_argument("--since", type=market_time, metavar="TIME", help="ISO, market time")
        parser.add_argument("--until", type=market_time, metavar="TIME", help="ISO, market time")
        parser.add_argument("--sample", type=positive, metavar="N", help="ticks and batches")

    def handle(self, **options: Any) -> None:
        from predictions.audit.parity import ParityPlan, verify_parity

        plan = ParityPlan(
            recordings=settings.RECORDINGS_DIR,
            candles=settings.CANDLES_DIR,
            exchange=settings.CANDLE_EXCHANGE,
            base_dir=settings.BASE_DIR,
            var_dir=settings.VAR_DIR,
            device=settings.MODEL_DEVICE,
            model_paths=forecaster_paths(options["model"]),
            engines=ENGINES[options["engine"]],
            venue=options["venue"],
            symbols=options["symbols"],
            since_ms=options["since"],
            until_ms=options["until"],
            sample=options["sample"],
            seed=options["seed"],
        )
        report = verify_parity(plan)
        tell(
            report, self.stdout, as_json=options["json"], failed="values differ from what was said"
        )
