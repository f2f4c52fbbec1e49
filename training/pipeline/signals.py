"""One timeframe's signal model, from candles to verdicts, as the steps ask for it."""

from dataclasses import replace
from pathlib import Path

import msgspec
from django.conf import settings

from inference.artefacts.manifest_files import read_bounded
from inference.artefacts.signal_manifest import MANIFEST_NAME, SignalManifest
from inference.artefacts.versions import Slot
from market.candles.timeframes import Timeframe
from predictions.promotion.criteria import Verdict
from predictions.promotion.pairing import paired_signals
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
from training.recordings import TrainingDataError
from training.search.searching import SearchOrder
from training.search.signals import search_signals
from training.shadow_gate import Undecided, judge_shadow_signals
from training.signals.against_champion import judge_against_champion, open_champion
from training.signals.building import dataset_path, ordered_dataset
from training.signals.challenger import network_fit
from training.signals.conclusions import conclusion
from training.signals.datasets import SignalDataset, load, save
from training.signals.finished import stored_networks
from training.signals.gate import LEAST_N_EFF
from training.signals.options import FitOptions, options_for
from training.signals.protocol import NETWORK, Outcome, baseline_fits, run_protocol
from training.signals.shipping import Shipment, metrics_of, ship
from training.signals.sufficiency import require_enough
from training.signals.trainer import fit_tasks, train
from training.superiority import Trials
from training.workplace import Workplace


class SignalEngine:
    """Trains the pooled network of one timeframe. least_in_shadow: independent decisions below
    which a trial decides nothing."""

    least_in_shadow: float = LEAST_N_EFF

    def __init__(self, slot: Slot) -> None:
        if slot.timeframe is None:
            raise ValueError(f"{slot} is no slot of signals")
        self._slot = slot
        self._timeframe: Timeframe = slot.timeframe

    def learn(self, order: SlotOrder, folder: RunFolder) -> Learned:
        """Build the dataset into the run's folder. Raises TrainingDataError, TooLittleDataError
        before anything is fitted."""
        candles = None if order.candles is None else Path(order.candles)
        daily = None if order.daily is None else Path(order.daily)
        dataset = ordered_dataset(self._timeframe, candles, daily, order.symbols or None)
        require_enough(dataset, self._options(order))
        save(dataset, self._path(folder))
        return Learned(
            dataset.digest,
            settings.CANDLE_EXCHANGE if candles is None else "",
            dataset.source,
            dataset.symbols,
            len(dataset),
            (int(dataset.decided_ms.min()), int(dataset.label_end_ms.max())),
        )

    def walk_forward(self, order: SlotOrder, folder: RunFolder, told: Told) -> Found:
        """Fit and judge every variant and baseline. Raises TrainingDataError, WorkplaceError."""
        dataset = self._dataset(folder)
        options, workplace, others, variants = self._searched(dataset, order, folder, told)
        train(fit_tasks(dataset, options), workplace)
        fits = {
            **baseline_fits(seed=order.seed),
            NETWORK: network_fit(stored_networks(workplace.folder, options)),
        }
        outcome = run_protocol(dataset, fits, lambda split: told(f"{self._slot}: {split}"), others)
        folder.keep_outcome(outcome, options, others)
        return Found(
            tried=[*_tried(outcome, options), *variants],
            metrics=metrics_of(outcome),
            trials=1 if others is None else len(others),
            conclusion=conclusion(outcome),
            verdict=outcome.verdict.verdict,
        )

    def challenger(self, order: SlotOrder, folder: RunFolder) -> Made:
        """Export what serves best, unless that was done. Raises ExportMismatchError."""
        made = folder.challenger / "pooled" / self._timeframe
        if not (made / MANIFEST_NAME).exists():  # it is written last
            outcome, options, _ = folder.outcome()
            shipment = Shipment(order.seed, options.as_record())
            ship(outcome, self._dataset(folder), folder.challenger, shipment)
        manifest = read_shipped(made)
        names = (MANIFEST_NAME, *manifest.files)
        return Made(manifest.version, {name: made / name for name in names})

    def against_champion(self, folder: RunFolder, version: str, champion: str) -> Judged:
        """Judge the challenger against what serves, out of sample."""
        outcome, _, others = folder.outcome()
        found = judge_against_champion(
            outcome,
            self._dataset(folder),
            open_champion(champion_file(self._slot, champion).parent, self._timeframe),
            version=version,
            trials=others if outcome.verdict.served == NETWORK else None,
        )
        return Judged(found.deciding, found.to_record())

    def in_shadow(
        self, venue: str, version: str, champion: str, from_ms: int, to_ms: int
    ) -> Verdict | Undecided:
        """Judge the challenger against what serves, by what both said in the ledger."""
        pairs = paired_signals(
            venue, self._timeframe, version, champion, from_ms=from_ms, to_ms=to_ms
        )
        least = self.least_in_shadow
        return judge_shadow_signals(pairs, self._timeframe, version, champion, least=least)

    def _searched(
        self, dataset: SignalDataset, order: SlotOrder, folder: RunFolder, told: Told
    ) -> tuple[FitOptions, Workplace, Trials | None, list[Tried]]:
        usual = self._options(order)
        workplace = Workplace(folder=folder.fits, jobs=order.jobs, cluster=order.cluster)
        if order.trials == 1:
            return usual, workplace, None, []
        found = search_signals(
            dataset,
            usual,
            workplace,
            SearchOrder(trials=order.trials, folder=folder.search, seed=order.seed),
            lambda line: told(f"{self._slot}: {line}"),
        )
        return (
            found.best.options,
            replace(workplace, folder=found.best.folder),
            Trials(found.other_losses, order.seed),
            tried_variants(NETWORK, found),
        )

    def _path(self, folder: RunFolder) -> Path:
        return dataset_path(self._timeframe, folder.path)

    def _dataset(self, folder: RunFolder) -> SignalDataset:
        return load(self._path(folder))

    def _options(self, order: SlotOrder) -> FitOptions:
        options = replace(options_for(self._timeframe), seed=order.seed, device=order.device)
        return options if order.epochs is None else replace(options, epochs=order.epochs)


def read_shipped(folder: Path) -> SignalManifest:
    """Return the manifest of what was shipped into a folder. Raises TrainingDataError."""
    content = read_bounded(folder / MANIFEST_NAME)
    if content is None:
        raise TrainingDataError(f"{folder} lacks the manifest that was written")
    return msgspec.json.decode(content, type=SignalManifest)


def _tried(outcome: Outcome, options: FitOptions) -> list[Tried]:
    return [
        Tried(
            model=name,
            loss=one.log_loss,
            params=options.as_record() if name == NETWORK else {},
            metrics=one.to_record(),
            chosen=name == outcome.verdict.served,
        )
        for name, one in outcome.walk_forward.judgements.items()
    ]
