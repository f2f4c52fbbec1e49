"""What is served for what: the map of coins and timeframes, and a card for each model in it.

Read by `/api/models` and the card text's page. The files say what lies there; the loops'
heartbeats, where there are any, say what they loaded and refused.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from inference.artefacts.catalogue import Catalogue
from inference.artefacts.errors import ArtefactError, Refusal, RefusedArtefact, told_path
from inference.artefacts.manifest import Manifest
from inference.artefacts.signal_loading import SignalModel
from inference.artefacts.signal_manifest import SignalManifest
from inference.vocabulary import SIGNAL_REASON_TEXTS, SignalReason
from predictions.accuracy.quality import ForecastQuality, SignalQuality
from predictions.cards.cards import CardNames, forecast_card, is_own, signal_card
from predictions.cards.live_record import forecast_record, signal_record

BY_FILES = "files"
REASONS = {
    Refusal.MISSING: SignalReason.MODEL_MISSING,
    Refusal.SCALER_MISSING: SignalReason.SCALER_MISSING,
    Refusal.TORCH_MISSING: SignalReason.TORCH_MISSING,
}
"""As signals tell why a coin has none; every other refusal is `artefact_refused`."""

Detail = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Told:
    """What Redis says beside the files. inference, signals: heartbeats' details, {} for none."""

    inference: Detail
    signals: Detail
    forecast_quality: ForecastQuality | None
    signal_quality: SignalQuality | None


NOTHING_TOLD = Told({}, {}, None, None)


def models_report(
    catalogue: Catalogue, told: Told, forecast_symbols: Sequence[str], var_dir: Path
) -> dict[str, Any]:
    """Return the map, the cards, what the loops loaded, and what is refused."""
    names = named_cards(catalogue)
    forecaster = catalogue.forecaster
    cards: list[dict[str, Any]] = []
    if forecaster is not None:
        name = names.of(forecaster.digest, forecaster.path)
        record = forecast_record(told.forecast_quality, forecaster.version)
        card = forecast_card(name, forecaster, forecast_symbols, var_dir)
        cards.append(card | {"live_record": record})
    serving: dict[str, list[str]] = {}
    models: dict[str, SignalModel] = {}
    for (symbol, _), found in catalogue.signals.items():
        if isinstance(found, SignalModel):
            name = names.of(found.digest, found.folder)
            models.setdefault(name, found)
            serving.setdefault(name, []).append(symbol)
    for name, model in models.items():
        record = signal_record(told.signal_quality, model.timeframe, model.version)
        card = signal_card(name, model, serving[name], var_dir)
        cards.append(card | {"live_record": record})
    loaded = _loaded(told)
    for card in cards:
        known = loaded[card["engine"]]
        card["loaded"] = (
            None if known is None else card["digest"] in {str(each["digest"]) for each in known}
        )
    return {
        "forecasts": {
            "symbols": list(forecast_symbols),
            "model": None if forecaster is None else cards[0]["id"],
            "loaded": loaded["forecasts"],
        },
        "signals": {
            "map": [_slot(*key, found, var_dir, names) for key, found in catalogue.signals.items()],
            "loaded": loaded["signals"],
        },
        "models": cards,
        "refused": _refused(catalogue.refused, told),
    }


def named_cards(catalogue: Catalogue) -> CardNames:
    """Return the names of all cards, given in the order of the catalogue."""
    names = CardNames()
    if catalogue.forecaster is not None:
        names.of(catalogue.forecaster.digest, catalogue.forecaster.path)
    for found in catalogue.signals.values():
        if isinstance(found, SignalModel):
            names.of(found.digest, found.folder)
    return names


def card_file(catalogue: Catalogue, name: str) -> Path | None:
    """Return the text file of the model card of that name, where its manifest names one."""
    names, forecaster = named_cards(catalogue), catalogue.forecaster
    if forecaster is not None and names.of(forecaster.digest, forecaster.path) == name:
        return _named(forecaster.path.parent, forecaster.manifest)
    for found in catalogue.signals.values():
        if isinstance(found, SignalModel) and names.of(found.digest, found.folder) == name:
            return _named(found.folder, found.manifest)
    return None


def _named(folder: Path, manifest: Manifest | SignalManifest | None) -> Path | None:
    files = {} if manifest is None else manifest.files
    texts = [name for name in files if name.endswith(".md")]
    return folder / texts[0] if texts else None


def _slot(
    symbol: str,
    timeframe: str,
    found: SignalModel | ArtefactError,
    var: Path,
    names: CardNames,
) -> Detail:
    slot = {"symbol": symbol, "timeframe": str(timeframe)}
    if isinstance(found, SignalModel):
        return slot | {
            "model": names.of(found.digest, found.folder),
            "version": found.version,
            "role": found.role.value,
            "own": is_own(found),
            "promoted": found.folder.is_relative_to(var),
            "code": "",
            "message": "",
        }
    reason = REASONS.get(found.code, SignalReason.ARTEFACT_REFUSED)
    return slot | {
        "model": None,
        "version": None,
        "role": None,
        "own": False,
        "promoted": False,
        "code": reason.value,
        "message": f"{SIGNAL_REASON_TEXTS[reason]}: {found.told}",
    }


def _model_of(told: Told) -> Mapping[str, Any] | None:
    components = told.inference.get("components")
    model = components.get("model") if isinstance(components, Mapping) else None
    return model if isinstance(model, Mapping) else None


def _loaded(told: Told) -> dict[str, list[dict[str, Any]] | None]:
    model = _model_of(told)
    forecasts = None
    if model is not None:
        named = {name: model.get(name) for name in ("status", "version", "digest")}
        forecasts = [named | {"warnings": model.get("warnings") or []}]
    signals = told.signals.get("models")
    return {
        "forecasts": forecasts,
        "signals": (
            [dict(each) for each in signals if isinstance(each, Mapping) and "digest" in each]
            if isinstance(signals, list)
            else None
        ),
    }


def _refused(found: Sequence[RefusedArtefact], told: Told) -> list[dict[str, str]]:
    model = _model_of(told)
    said = {
        "inference": None if model is None else model.get("refused"),
        "signals": told.signals.get("refused"),
    }
    listed: dict[tuple[str, str], dict[str, str]] = {}
    for by, entries in said.items():
        for each in entries if isinstance(entries, list) else ():
            if isinstance(each, Mapping):
                _list(listed, by, *(str(each.get(n, "")) for n in ("path", "code", "message")))
    for refusal in found:
        _list(listed, BY_FILES, str(refusal.path), refusal.code.value, refusal.message)
    return list(listed.values())


def _list(
    listed: dict[tuple[str, str], dict[str, str]], by: str, path: str, code: str, message: str
) -> None:
    # The loops' word is taken before what the files alone show of the same thing.
    short = told_path(Path(path))
    entry = {"path": short, "code": code, "message": message.replace(path, short), "by": by}
    listed.setdefault((short, code), entry)
