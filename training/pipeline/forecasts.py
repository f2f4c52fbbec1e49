"""The forecaster's way from recordings to verdicts, as the steps ask for it."""

from pathlib import Path

from inference.artefacts.manifest import read_manifest
from inference.artefacts.versions import SLOTS
from inference.vocabulary import FORECASTS
from predictions.promotion.criteria import Verdict
from predictions.promotion.pairing import paired_forecasts
from training import forecast_datasets
from training.against_champion import judge_against_champion, open_champion
from training.cards import conclusion
from training.evaluation import squared_errors
from training.fitting import NETWORK
from training.pipeline.champions import champion_file
from training.pipeline.engines import Found, Judged, Learned, Made, Told, Tried
from training.pipeline.orders import SlotOrder
from training.pipeline.run_folder import RunFolder
from training.pipeline.sources import recordings_to_learn_from
from training.protocol import Outcome
from training.recordings import TrainingDataError
from training.shadow_gate import Undecided, judge_shadow_forecasts
from training.shipping import NETWORK_FILE, Order, fitted_alone, metrics_of, ship
from training.workplace import Workplace

SLOT = next(slot for slot in SLOTS if slot.engine == FORECASTS)
MAX_EPOCHS = 200


class ForecastEngine:
    """Trains the one forecaster of all symbols."""

    def learn(self, order: SlotOrder, folder: RunFolder) -> Learned:
        """Build the dataset into the run's folder. Raises TrainingDataError, FeedError."""
        paths = recordings_to_learn_from(order.paths)
        dataset = forecast_datasets.build(paths, order.symbols)
        forecast_datasets.save(dataset, forecast_datasets.dataset_path(folder.path))
        return Learned(
            dataset.digest,
            dataset.venue,
            dataset.source,
            dataset.symbols,
            len(dataset),
            dataset.span,
        )

    def walk_forward(self, order: SlotOrder, folder: RunFolder, told: Told) -> Found:
        """Fit and judge every variant and baseline. Raises TrainingDataError, WorkplaceError."""
        dataset = _dataset(folder)
        told(f"{SLOT}: fitting")
        outcome = fitted_alone(dataset.decisions, _order(order, folder))
        folder.keep_outcome(outcome)
        return Found(
            tried=_tried(outcome, order),
            metrics=metrics_of(outcome),
            trials=1,
            conclusion=conclusion(outcome),
            verdict=outcome.verdict.verdict,
        )

    def challenger(self, order: SlotOrder, folder: RunFolder) -> Made:
        """Export what serves best. Raises ExportMismatchError."""
        ship(folder.outcome(), _dataset(folder), _order(order, folder))
        manifest = read_manifest(folder.challenger / NETWORK_FILE)
        if manifest is None:
            raise TrainingDataError(f"{folder.challenger} lacks the manifest that was written")
        return Made(manifest.version, {path.name: path for path in folder.challenger.iterdir()})

    def against_champion(self, folder: RunFolder, version: str, champion: str) -> Judged:
        """Judge the challenger against what serves, out of sample. Raises ArtefactError."""
        served = open_champion(champion_file(SLOT, champion))
        found = judge_against_champion(folder.outcome(), served, version=version)
        return Judged(found.deciding, found.to_record())

    def in_shadow(
        self, venue: str, version: str, champion: str, from_ms: int, to_ms: int
    ) -> Verdict | Undecided:
        """Judge the challenger against what serves, by what both said in the ledger."""
        pairs = paired_forecasts(venue, version, champion, from_ms=from_ms, to_ms=to_ms)
        return judge_shadow_forecasts(pairs, version, champion)


def _dataset(folder: RunFolder) -> forecast_datasets.ForecastDataset:
    return forecast_datasets.load(forecast_datasets.dataset_path(folder.path))


def _order(order: SlotOrder, folder: RunFolder) -> Order:
    output: Path = folder.challenger
    return Order(
        recordings=(),
        output=output,
        seed=order.seed,
        device=order.device,
        max_epochs=MAX_EPOCHS if order.epochs is None else order.epochs,
        workplace=Workplace(folder=folder.fits, jobs=order.jobs, cluster=order.cluster),
    )


def _tried(outcome: Outcome, order: SlotOrder) -> list[Tried]:
    returns = outcome.walk_forward.decisions.returns_bp
    judged = outcome.walk_forward.judged()
    options = {"seed": order.seed, "max_epochs": order.epochs or MAX_EPOCHS}
    return [
        Tried(
            model=name,
            loss=float(squared_errors(returns, answers[:, 0]).mean()),
            params=options if name == NETWORK else {},
            metrics=judged[name].to_record(),
            chosen=name == outcome.verdict.served,
        )
        for name, answers in outcome.walk_forward.answers.items()
    ]
