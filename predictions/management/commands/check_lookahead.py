"""`manage.py check_lookahead`: does any feature or model output know what came after it?"""

from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from market.candles.timeframes import SIGNAL_TIMEFRAMES
from predictions.audit.options import ENGINES, add_options, positive, tell, timeframes


class Command(BaseCommand):
    help = "Compute features and model outputs on history that ends at sampled moments."
    requires_system_checks = ()  # they import the URLs, and with them what only the web needs

    def add_arguments(self, parser: CommandParser) -> None:
        add_options(parser)
        parser.add_argument(
            "--recording", type=Path, action="append", default=[], metavar="PATH",
            help="frames, or a symbol's folder of VAR_DIR/recordings; default: all recorded there",
        )  # fmt: skip
        parser.add_argument("--timeframes", type=timeframes, default=SIGNAL_TIMEFRAMES)
        parser.add_argument(
            "--venue", help="whose candles; default: those that signals are made of"
        )
        parser.add_argument("--moments", type=positive, default=20, metavar="N", help="of each")

    def handle(self, **options: Any) -> None:
        from inference.artefacts.errors import ArtefactError
        from inference.artefacts.registry import Registry
        from inference.artefacts.signal_registry import ModelRegistry
        from inference.signals.moment import UnreadableClockError
        from market.feeds import FeedError
        from predictions.audit import lookahead_run as run

        base, var = settings.BASE_DIR, settings.VAR_DIR
        engines = ENGINES[options["engine"]]
        try:
            plan = run.LookaheadPlan(
                engines=engines,
                forecasters=run.forecasters(
                    Registry.from_config(settings.INFERENCE, base, var), options["model"]
                ),
                networks=ModelRegistry(base / "models", var, settings.MODEL_DEVICE),
                recordings_dir=settings.RECORDINGS_DIR,
                recordings=tuple(options["recording"]),
                candles=settings.CANDLES_DIR,
                venues=run.candle_venues(engines, options["venue"], settings.CANDLE_EXCHANGE),
                symbols=options["symbols"],
                signal_symbols=settings.SIGNAL_SYMBOLS,
                timeframes=options["timeframes"],
                moments=options["moments"],
                seed=options["seed"],
            )
            report = run.check_lookahead(plan)
        except (ArtefactError, FeedError, UnreadableClockError) as error:
            raise CommandError(str(error)) from error
        tell(report, self.stdout, as_json=options["json"], failed="values look ahead")
