"""What a training is asked to do, checked, and the way through it: fit, judge, ship.

Read by `manage.py train_signals`; the other training commands check their options by it, too.
"""

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import joblib

from market.candles.timeframes import SIGNAL_TIMEFRAMES, Timeframe, parse_timeframe
from market.symbols import parse_symbol
from training.devices import known_device
from training.signals.building import ordered_dataset
from training.signals.datasets import SignalDataset
from training.signals.evaluating import Training, judge_training
from training.signals.finished import stored_networks
from training.signals.fitted import FittedNetwork
from training.signals.fitting import TRIAL
from training.signals.options import FitOptions, options_for
from training.signals.reporting import Evaluation
from training.signals.trainer import fit_tasks, train
from training.workplace import Workplace

FOLDER = "training/signals"
"""Of VAR_DIR: fitted networks of every split, and checkpoints."""
_CLUSTER = re.compile(r"^(tcp|tls|ws|wss)://[^\s/:]+:\d{1,5}$")
Told = Callable[[str], None]


class OrderError(ValueError):
    """An option that cannot be followed; its text names what is allowed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingOrder:
    """A training as it was asked for. fits: how each timeframe's networks are fitted.

    candles, daily: files to learn from, None for the candle store. output: where artefacts go.
    """

    fits: Mapping[Timeframe, FitOptions]
    symbols: tuple[str, ...]
    candles: Path | None
    daily: Path | None
    workplace: Workplace
    output: Path

    @classmethod
    def of(cls, options: Mapping[str, Any], known: Sequence[str], var_dir: Path) -> "TrainingOrder":
        """Read a command's options; known: the symbols to choose from.

        Raises OrderError, DeviceError, UnknownTimeframeError or UnknownSymbolError.
        """
        named = options["timeframe"] or SIGNAL_TIMEFRAMES
        timeframes = tuple(dict.fromkeys(parse_timeframe(one) for one in named))
        changes: dict[str, Any] = {
            "seed": options["seed"],
            "device": known_device(options["device"]),
        }
        if options["epochs"] is not None:
            changes["epochs"] = at_least(1, "--epochs", options["epochs"])
        at_least(0, "--seed", options["seed"])
        jobs = joblib.cpu_count() if options["jobs"] is None else options["jobs"]
        return cls(
            fits={one: replace(options_for(one), **changes) for one in timeframes},
            symbols=_symbols(options["symbols"], known),
            candles=options["candles"],
            daily=options["daily"],
            workplace=Workplace(
                folder=var_dir / FOLDER,
                jobs=at_least(1, "--jobs", jobs),
                cluster=cluster_address(options["cluster"]),
                resume=options["resume"],
            ),
            output=output_folder("--output", options["output"]),
        )


def train_and_ship(order: TrainingOrder, told: Told) -> list[Evaluation]:
    """Fit the networks of all timeframes, then judge and ship one timeframe after the other.

    told: hears in a line what was done. Raises TrainingDataError, WorkplaceError or
    ExportMismatchError; what was fitted stays and is not fitted again.
    """
    datasets = [_dataset(order, timeframe) for timeframe in order.fits]
    tasks = [task for data in datasets for task in fit_tasks(data, order.fits[data.timeframe])]
    fits = train(tasks, order.workplace)
    for task, fitted in zip(tasks, fits, strict=True):
        speed = "" if fitted.samples_per_s is None else f", {fitted.samples_per_s:,.0f} windows/s"
        told(
            f"{task.dataset.timeframe} {task.split}: {len(task.rows):,} decisions,"
            f" {_passes(fitted)}{speed}"
        )
    return [_shipped(order, dataset, told) for dataset in datasets]


def _passes(fitted: FittedNetwork) -> str:
    made = Counter(note.member for note in fitted.history)
    members = [count for member, count in made.items() if member != TRIAL]
    each = "/".join(dict.fromkeys(map(str, members)))
    return f"passes: {made[TRIAL]} of the trial, {each} of each of {len(members)} networks"


def _dataset(order: TrainingOrder, timeframe: Timeframe) -> SignalDataset:
    daily = order.daily if timeframe is Timeframe.D1 else None
    return ordered_dataset(timeframe, order.candles, daily, order.symbols)


def _shipped(order: TrainingOrder, dataset: SignalDataset, told: Told) -> Evaluation:
    options = order.fits[dataset.timeframe]
    training = Training(stored_networks(order.workplace.folder, options), options.as_record())
    found = judge_training(dataset, training, order.output, lambda split: None)
    told(f"{dataset.timeframe}: {found.conclusion}")
    return found


def cluster_address(address: str | None) -> str | None:
    """Return the address of a Dask scheduler, None for none. Raises OrderError."""
    if address is not None and not _CLUSTER.fullmatch(address):
        raise OrderError(
            f"--cluster {address!r} is no address of a Dask scheduler; write it like"
            " tcp://127.0.0.1:8786"
        )
    return address


def at_least(least: int, name: str, value: int) -> int:
    """Return the value of the option `name`. Raises OrderError where it is too small."""
    if value < least:
        raise OrderError(f"{name} {value} is too small; allowed are {least} and more")
    return int(value)


def output_folder(name: str, path: Path) -> Path:
    """Return the folder to write to, which may not be there yet. Raises OrderError."""
    if path.exists() and not path.is_dir():
        raise OrderError(f"{name}: {path} is a file; a folder is asked for")
    return path


def _symbols(text: str | None, known: Sequence[str]) -> tuple[str, ...]:
    if text is None:
        return tuple(known)
    chosen = tuple(dict.fromkeys(parse_symbol(one) for one in text.split(",") if one.strip()))
    strangers = [one for one in chosen if one not in known]
    if strangers or not chosen:
        raise OrderError(
            f"--symbols {text!r}: {', '.join(strangers) or 'nothing'} is not in SIGNAL_SYMBOLS;"
            f" allowed are {', '.join(known)}"
        )
    return chosen
