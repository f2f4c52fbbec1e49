"""The forecaster's way from recordings to verdicts, as the steps ask for it."""

from dataclasses import replace
from pathlib import Path

from inference.artefacts.manifest import manifest_path, read_manifest
from inference.artefacts.versions import SLOTS
from inference.vocabulary import FORECASTS
from predictions.promotion.criteria import Verdict
from predictions.promotion.pairing import paired_forecasts
from training import forecast_datasets
from training.against_champion import judge_against_champion, open_champion
from training.cards import conclusion
from training.decisions import Decisions
from training.evaluation import squared_errors
from training.fitting import NETWORK
from training.gate import SHADOW_N_EFF
from training.pipeline.champions import champion_file
from training.pipeline.engines import (
    Found,
    Judged,
    Learned,
    Made,
    Told,
    Tried,
    tried_variants,
)
from training.pipeline.orders import SlotOrder
from training.pipeline.run_folder import RunFolder
from training.pipeline.sources import recordings_to_learn_from
from training.protocol import Outcome
from training.recordings import TrainingDataError
from training.search.forecasts import search_forecasts
from training.search.searching import SearchOrder
from training.shadow_gate import Undecided, judge_shadow_forecasts
from training.shipping import NETWORK_FILE, Order, fitted_alone, metrics_of, ship
from training.sufficiency import require_enough
from training.superiority import Trials
from training.workplace import Workplace

SLOT = next(slot for slot in SLOTS if slot.engine == FORECASTS)
MAX_EPOCHS = 200


class ForecastEngine:
    """Trains the one forecaster of all symbols. least_in_shadow: independent decisions below
    which a trial decides nothing."""

    least_in_shadow: float = SHADOW_N_EFF

    def learn(self, order: SlotOrder, folder: RunFolder) -> Learned:
        """Build the dataset into the run's folder. Raises TrainingDataError, FeedError, and
        TooLittleDataError before anything is fitted."""
        paths = recordings_to_learn_from(order.paths)
        dataset = forecast_datasets.build(paths, order.symbols)
        require_enough(dataset)
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
        decisions = _dataset(folder).decisions
        usual = _order(order, folder)
        told(f"{SLOT}: fitting")
        tuned, others, variants = _searched(decisions, usual, order, folder, told)
        outcome = fitted_alone(decisions, tuned, others)
        folder.keep_outcome(outcome, tuned, others)
        return Found(
            tried=[*_tried(outcome, tuned), *variants],
            metrics=metrics_of(outcome),
            trials=1 if others is None else len(others),
            conclusion=conclusion(outcome),
            verdict=outcome.verdict.verdict,
        )

    def challenger(self, order: SlotOrder, folder: RunFolder) -> Made:
        """Export what serves best, unless that was done. Raises ExportMismatchError."""
        network = folder.challenger / NETWORK_FILE
        manifest = read_manifest(network)  # it is written last
        if manifest is None:
            outcome, tuned, _ = folder.outcome()
            ship(outcome, _dataset(folder), tuned)
            manifest = read_manifest(network)
        if manifest is None:
            raise TrainingDataError(f"{folder.challenger} lacks the manifest that was written")
        names = (manifest_path(network).name, *manifest.files)
        return Made(manifest.version, {name: folder.challenger / name for name in names})

    def against_champion(self, folder: RunFolder, version: str, champion: str) -> Judged:
        """Judge the challenger against what serves, out of sample. Raises ArtefactError."""
        outcome, _, others = folder.outcome()
        found = judge_against_champion(
            outcome,
            open_champion(champion_file(SLOT, champion)),
            version=version,
            trials=others if outcome.verdict.served == NETWORK else None,
        )
        return Judged(found.deciding, found.to_record())

    def in_shadow(
        self, venue: str, version: str, champion: str, from_ms: int, to_ms: int
    ) -> Verdict | Undecided:
        """Judge the challenger against what serves, by what both said in the ledger."""
        pairs = paired_forecasts(venue, version, champion, from_ms=from_ms, to_ms=to_ms)
        least = self.least_in_shadow
        return judge_shadow_forecasts(pairs, version, champion, least=least)


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


def _searched(
    decisions: Decisions, usual: Order, order: SlotOrder, folder: RunFolder, told: Told
) -> tuple[Order, Trials | None, list[Tried]]:
    if order.trials == 1 or usual.workplace is None:
        return usual, None, []
    found = search_forecasts(
        decisions,
        usual.options,
        usual.workplace,
        SearchOrder(trials=order.trials, folder=folder.search, seed=order.seed),
        lambda line: told(f"{SLOT}: {line}"),
    )
    workplace = replace(usual.workplace, folder=found.best.folder)
    tuned = replace(usual, tuned=found.best.options, workplace=workplace)
    return tuned, Trials(found.other_losses, order.seed), tried_variants(NETWORK, found)


def _tried(outcome: Outcome, order: Order) -> list[Tried]:
    returns = outcome.walk_forward.decisions.returns_bp
    judged = outcome.walk_forward.judged()
    return [
        Tried(
            model=name,
            loss=float(squared_errors(returns, answers[:, 0]).mean()),
            params=order.options.as_record() if name == NETWORK else {},
            metrics=judged[name].to_record(),
            chosen=name == outcome.verdict.served,
        )
        for name, answers in outcome.walk_forward.answers.items()
    ]
