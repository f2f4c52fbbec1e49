"""Takes a user's model in: checked, laid down as a version, registered, put on trial.

Read by `manage.py import_model`.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings

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
from predictions.importing.forecast_rows import places, recorded_rows
from predictions.importing.signal_import import SignalDraft, import_signals, symbols_of
from predictions.importing.signal_rows import candle_rows, shared, stored
from predictions.models.retraining import Origin
from predictions.promotion.standing import put_on_trial, register


@dataclass(frozen=True, slots=True)
class Offer:
    """What a user brings, and how it is asked for. recordings: to check a forecaster on."""

    file: Path
    slot: Slot
    version: str | None = None
    symbols: tuple[str, ...] = ()
    threshold: float | None = None
    manifest: Path | None = None
    recordings: Sequence[Path] = ()


def take_in(offer: Offer, *, by: str, why: str) -> tuple[str, Findings]:
    """Return the version that is on trial from now on, and what was found.

    Raises ImportRefusedError, ArtefactError, EngineError, NetworkError, FeedError, StandingError.
    """
    digest = hashlib.sha256(read_network(offer.file)).hexdigest()
    version = offer.version or f"imported-{digest[:8]}"
    store = VersionStore(settings.VAR_DIR)
    if version in store.versions(offer.slot):
        raise ImportRefusedError(
            f"{offer.slot} has a version {version} already, which never changes: choose another "
            "name with --name"
        )
    if offer.slot.timeframe is None:
        files, findings = _forecaster(offer, version)
    else:
        files, findings = _signals(offer, version, offer.slot.timeframe)
    folder = store.add(offer.slot, version, files)
    register(offer.slot, folder, origin=Origin.IMPORTED)
    put_on_trial(offer.slot, version, by=by, why=why)
    return version, findings


def _forecaster(offer: Offer, version: str) -> tuple[Mapping[str, bytes], Findings]:
    if offer.threshold is not None:
        raise ImportRefusedError("--threshold is of signals; forecasts have none")
    scaler = offer.file.with_name(SCALER_NAME)
    horizon_ms = settings.INFERENCE.prediction.horizon_ms
    draft = ForecasterDraft(
        network=offer.file,
        version=version,
        horizon_ms=horizon_ms,
        symbols=offer.symbols,
        scaler=scaler if scaler.is_file() else None,
        manifest=offer.manifest,
    )
    paths = places(offer.recordings, settings.RECORDINGS_DIR, settings.SHARED_DATA)
    return import_forecaster(draft, recorded_rows(paths, horizon_ms))


def _signals(
    offer: Offer, version: str, timeframe: Timeframe
) -> tuple[Mapping[str, bytes], Findings]:
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
        offer.file, version, timeframe, symbols, like, offer.threshold, offer.manifest
    )
    venue = venues_of("", settings.CANDLE_EXCHANGE)[-1]
    sources = (
        (f"the candle store, {venue}", stored(settings.CANDLES_DIR, venue, timeframe)),
        ("recorded candles", shared(settings.SHARED_DATA, timeframe)),
    )
    return import_signals(draft, candle_rows(sources, symbols, timeframe, like.barrier_atr))


def _shipped(timeframe: Timeframe) -> SignalManifest:
    folder = settings.BASE_DIR / "models" / "pooled" / timeframe
    content = read_folder(folder)
    if not isinstance(content, SignalManifest):
        message = "there is no manifest whose times to the target could go with an imported model"
        raise ArtefactError(Refusal.MISSING, folder / MANIFEST_NAME, message)
    return content
