"""Finds the network that serves a symbol's timeframe, checks all of it, keeps the last good one.

`var/models/<SYMBOL>/<TF>/` (what was promoted or put there) wins over `models/<SYMBOL>/<TF>/`
(what is shipped). Read by the inference service. A folder that is refused is logged, and the
network that was served before, or the next place, stands in.
"""

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple
from weakref import WeakValueDictionary

import msgspec
import structlog

from inference.artefacts.errors import ArtefactError, Refusal, RefusedArtefact
from inference.artefacts.signal_folder import FolderStamp, folder_stamp
from inference.artefacts.signal_loading import Found, Key, Loading, SignalModel
from inference.artefacts.signal_network import (
    SignalNetwork,
    check_device,
    open_signal_network,
    try_network,
)
from inference.artefacts.torch_conversion import TorchConverter
from inference.artefacts.versions import Slot, VersionStore
from inference.vocabulary import SIGNALS, SignalReason
from market.candles.timeframes import Timeframe

__all__ = ["ModelRegistry", "ServedNetwork", "SignalModel", "reason_of"]

log = structlog.get_logger(__name__)


class ServedNetwork(NamedTuple):
    """A network and how many coins of its timeframe it serves, for the heartbeat."""

    timeframe: str
    version: str
    role: str
    digest: str
    coins: int


class ModelRegistry:
    """Networks by symbol and timeframe; the same network of many coins is held once.

    Safe for threads. Raises ConfigError where the device is not available.
    """

    def __init__(
        self,
        models_dir: Path,
        var_dir: Path,
        device: str = "cpu",
        *,
        converter: TorchConverter | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        check_device(device)
        self._roots = (var_dir / "models", models_dir)
        self._versions = VersionStore(var_dir)
        self._device = device
        self._converter = converter or TorchConverter(var_dir / "converted")
        self._monotonic = monotonic
        self._held: dict[Key, Found] = {}
        self._networks: WeakValueDictionary[str, SignalNetwork] = WeakValueDictionary()
        self._refused: dict[Path, RefusedArtefact] = {}
        self._lock = threading.RLock()
        self._refreshed = monotonic()

    def model(self, symbol: str, timeframe: Timeframe) -> SignalModel:
        """Return what serves a symbol's timeframe; it is loaded at the first call.

        Raises ArtefactError: artefact_missing, scaler_missing, torch_missing, or what was
        refused, naming the file. `reason_of` gives it the code that users see.
        """
        (found,) = self.models([(symbol, timeframe)])
        if isinstance(found, ArtefactError):
            raise found
        return found

    def models(self, keys: Sequence[Key]) -> list[SignalModel | ArtefactError]:
        """Return what serves each key, or why nothing does. Missing ones are loaded together."""
        held = self._held
        if any(key not in held for key in keys):
            with self._lock:
                new = [key for key in keys if key not in held]
                held.update(self._load(new))
        return [_said(held[key]) for key in keys]

    def refresh(self, *, at_most_every: float = 0.0) -> list[Key]:
        """Look for files that changed, load and try what is new, then switch; return what did.

        at_most_every: seconds within which a second call does nothing. What is refused is
        logged, and the last good network goes on.
        """
        now = self._monotonic()
        if now - self._refreshed < at_most_every:
            return []
        with self._lock:
            self._refreshed = now
            stamps: dict[Path, FolderStamp] = {}
            stale = [key for key, held in self._held.items() if _changed(held.watched, stamps)]
            if not stale:
                return []
            switched, kept = [], []
            for key, found in self._load(stale).items():
                new = found
                old = self._held[key].model
                if old is not None and new.error is not None and not new.nothing_there:
                    kept.append((key, old))
                    new = replace(new, model=old)
                self._held[key] = new
                if new.model != old:
                    switched.append((key, new.model))
            _tell("last_good_network_kept", kept)
            _tell("network_switched", switched)
            return [key for key, _ in switched]

    def version(self, symbol: str, timeframe: Timeframe, version: str) -> SignalModel:
        """Return what a version in the store says of a symbol, whether it serves or not.

        Raises ArtefactError like `model`.
        """
        slot = Slot(SIGNALS, timeframe)
        folder = self._versions.folder(slot, version)
        if version not in self._versions.versions(slot):
            raise ArtefactError(Refusal.MISSING, folder, "no such version is kept")
        return Loading((), self._converter, self._open).load_at(folder, symbol, timeframe)

    def metadata(self, symbol: str, timeframe: Timeframe) -> dict[str, Any]:
        """Return what is known of the network that serves: its card, as built-in types.

        Raises ArtefactError like `model`.
        """
        model = self.model(symbol, timeframe)
        card: dict[str, Any] = {} if model.manifest is None else msgspec.to_builtins(model.manifest)
        card |= {
            "version": model.version,
            "timeframe": timeframe.value,
            "role": model.role.value,
            "accuracy": model.accuracy,
            "threshold": model.threshold,
            "barrier_atr": model.barrier_atr,
            "digest": model.digest,
            "folder": str(model.folder),
            "device": self._device,
        }
        return card

    def accuracy(self, symbol: str, timeframe: Timeframe) -> float | None:
        """Return the out-of-sample share of right classes; None where it was not measured.

        Raises ArtefactError like `model`.
        """
        return self.model(symbol, timeframe).accuracy

    @property
    def refused(self) -> tuple[RefusedArtefact, ...]:
        """What was tried and not served, the newest answer of each file."""
        return tuple(self._refused.values())

    @property
    def served(self) -> tuple[ServedNetwork, ...]:
        """What serves how many coins of each timeframe now."""
        coins = Counter(
            (model.timeframe.value, model.version, model.role.value, model.digest)
            for held in list(self._held.values())
            if (model := held.model) is not None
        )
        return tuple(ServedNetwork(*network, coins=count) for network, count in coins.items())

    def _load(self, keys: Iterable[Key]) -> dict[Key, Found]:
        keys = list(keys)
        loading = Loading(self._roots, self._converter, self._open)
        loading.convert(keys)
        loaded = {key: loading.load(*key) for key in keys}
        for refusal in loading.refused.values():
            log.error(
                "artefact_refused",
                path=str(refusal.path),
                code=refusal.code.value,
                message=refusal.message,
            )
        for path in [path for path in self._refused if path.parent in loading.folders]:
            del self._refused[path]
        self._refused.update(loading.refused)
        return loaded

    def _open(self, content: bytes, digest: str, path: Path, symbols: int) -> SignalNetwork:
        network = self._networks.get(digest)
        if network is None:
            network = open_signal_network(content, digest, path, symbols, self._device)
            self._networks[digest] = network
        else:
            try_network(network, symbols, path)
        return network


def reason_of(error: ArtefactError) -> SignalReason:
    """Return the code that a coin without a network is given."""
    return {
        Refusal.MISSING: SignalReason.MODEL_MISSING,
        Refusal.SCALER_MISSING: SignalReason.SCALER_MISSING,
        Refusal.TORCH_MISSING: SignalReason.TORCH_MISSING,
    }.get(error.code, SignalReason.ARTEFACT_REFUSED)


def _tell(event: str, served: Iterable[tuple[Key, SignalModel | None]]) -> None:
    # A line a network, not one for each of the coins that share it.
    symbols: dict[tuple[Timeframe, str, str], list[str]] = {}
    for (symbol, timeframe), model in served:
        name = ("none", "") if model is None else (model.version, model.digest)
        symbols.setdefault((timeframe, *name), []).append(symbol)
    for (timeframe, version, digest), coins in symbols.items():
        log.info(
            event,
            timeframe=timeframe.value,
            version=version,
            digest=digest[:12],
            coins=len(coins),
            first=coins[0],
        )


def _said(held: Found) -> SignalModel | ArtefactError:
    if held.model is not None:
        return held.model
    if held.error is None:
        raise RuntimeError("neither a network nor a reason")
    return held.error


def _changed(watched: dict[Path, FolderStamp], stamps: dict[Path, FolderStamp]) -> bool:
    for folder, stamp in watched.items():
        if folder not in stamps:
            stamps[folder] = folder_stamp(folder)
        if stamps[folder] != stamp:
            return True
    return False
