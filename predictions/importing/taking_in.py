"""Takes a user's model in: checked, laid down as a version, registered, put on trial.

Read by `manage.py import_model`.
"""

import hashlib
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings
from django.db import DatabaseError

from inference.artefacts.errors import ArtefactError, Refusal
from inference.artefacts.manifest_files import SCALER_NAME
from inference.artefacts.network_files import read_network
from inference.artefacts.signal_folder import read_folder
from inference.artefacts.signal_manifest import MANIFEST_NAME, SignalManifest
from inference.artefacts.versions import Slot, VersionStore
from market.candles.store import venues_of
from market.candles.timeframes import Timeframe
from predictions.importing.findings import Findings, ImportRefusedError
from predictions.importing.forecast_import import ForecasterDraft, import_forecaster
from predictions.importing.forecast_rows import ForecastRows, places, recorded_rows
from predictions.importing.signal_import import SignalDraft, import_signals, symbols_of
from predictions.importing.signal_rows import SignalRows, candle_rows, shared, stored
from predictions.models.retraining import ModelVersion, Origin, VersionState
from predictions.promotion.standing import put_on_trial

Files = Mapping[str, bytes]


@dataclass(frozen=True, slots=True)
class Offer:
    """What a user brings, and how it is asked for. file: a network, or a folder that holds one;
    recordings: to check a forecaster on."""

    file: Path
    slot: Slot
    version: str | None = None
    symbols: tuple[str, ...] = ()
    threshold: float | None = None
    manifest: Path | None = None
    recordings: Sequence[Path] = ()


def take_in(offer: Offer, *, by: str, why: str) -> tuple[str, Findings]:
    """Return the version that is on trial from now on, and what was found.

    What is refused, or broken off, leaves nothing behind. Raises ImportRefusedError,
    ArtefactError, FeedError, StandingError, OSError, DatabaseError.
    """
    network = network_in(offer.file)
    content = read_network(network)
    version = offer.version or f"imported-{hashlib.sha256(content).hexdigest()[:8]}"
    store, rows = VersionStore(settings.VAR_DIR), ModelVersion.objects.filter(slot=str(offer.slot))
    if version in store.versions(offer.slot) or rows.filter(version=version).exists():
        raise ImportRefusedError(
            f"{offer.slot} has a version {version} already, which never changes: choose another "
            "name with --name"
        )
    if offer.slot.timeframe is None:
        files, findings = _forecaster(offer, network, content, version)
    else:
        files, findings = _signals(offer, network, content, version, offer.slot.timeframe)
    with ExitStack() as undo:
        undo.callback(_take_back, store, offer.slot, version)
        store.add(offer.slot, version, files)
        put_on_trial(offer.slot, version, by=by, why=why)
        undo.pop_all()
    return version, findings


def network_in(place: Path) -> Path:
    """Return a file itself, of a folder the one network in it. Raises ImportRefusedError."""
    if not place.is_dir():
        return place
    found = sorted(path for path in place.iterdir() if path.suffix == ".onnx")
    if len(found) == 1:
        return found[0]
    named = ", ".join(path.name for path in found) or "no .onnx file"
    raise ImportRefusedError(f"{place} holds {named}: name the one file that is to be taken in")


def _take_back(store: VersionStore, slot: Slot, version: str) -> None:
    if version in store.shadows(slot):
        return  # what broke off came later
    store.remove(slot, version)
    with suppress(DatabaseError):
        ModelVersion.objects.filter(
            slot=str(slot), version=version, origin=Origin.IMPORTED, state=VersionState.CANDIDATE
        ).delete()


def _forecaster(
    offer: Offer, network: Path, content: bytes, version: str
) -> tuple[Files, Findings]:
    if offer.threshold is not None:
        raise ImportRefusedError("--threshold is of signals; forecasts have none")
    scaler = network.with_name(SCALER_NAME)
    horizon_ms = settings.INFERENCE.prediction.horizon_ms
    draft = ForecasterDraft(
        network=network,
        content=content,
        version=version,
        horizon_ms=horizon_ms,
        symbols=offer.symbols,
        scaler=scaler if scaler.is_file() else None,
        manifest=offer.manifest,
    )
    paths = places(offer.recordings, settings.RECORDINGS_DIR, settings.SHARED_DATA)

    def rows() -> ForecastRows:
        return recorded_rows(paths, horizon_ms)

    return import_forecaster(draft, rows)


def _signals(
    offer: Offer, network: Path, content: bytes, version: str, timeframe: Timeframe
) -> tuple[Files, Findings]:
    like = _shipped(timeframe)
    symbols = offer.symbols
    if offer.manifest is not None:
        symbols = symbols_of(offer.manifest)
        if offer.symbols and offer.symbols != symbols:
            raise ImportRefusedError(
                f"--symbols says {', '.join(offer.symbols)}, the manifest {', '.join(symbols)}"
            )
    if not symbols:
        raise ImportRefusedError(
            "which coins does it know? Name them with --symbols, in the order of its symbol "
            "input, or give --manifest"
        )
    draft = SignalDraft(
        network, content, version, timeframe, symbols, like, offer.threshold, offer.manifest
    )
    venue = venues_of("", settings.CANDLE_EXCHANGE)[-1]
    sources = (
        (f"the candle store, {venue}", stored(settings.CANDLES_DIR, venue, timeframe)),
        ("recorded candles", shared(settings.SHARED_DATA, timeframe)),
    )

    def rows() -> SignalRows:
        return candle_rows(sources, symbols, timeframe, like.barrier_atr)

    return import_signals(draft, rows)


def _shipped(timeframe: Timeframe) -> SignalManifest:
    folder = settings.BASE_DIR / "models" / "pooled" / timeframe
    content = read_folder(folder)
    if not isinstance(content, SignalManifest):
        message = "there is no manifest whose times to the target could go with an imported model"
        raise ArtefactError(Refusal.MISSING, folder / MANIFEST_NAME, message)
    return content
