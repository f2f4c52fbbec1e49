"""A user's signal network: laid down with a manifest that claims nothing, tried, checked.

[N, 60, 14] raw indicators, and the symbol's index where it takes one, to [N, 3] probabilities.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import numpy as np
import numpy.typing as npt

from inference.artefacts.errors import ArtefactError, Refusal
from inference.artefacts.manifest_files import MAX_MANIFEST_BYTES, file_digest, write_card
from inference.artefacts.network_files import read_whole
from inference.artefacts.signal_manifest import MANIFEST_NAME, NETWORK_NAME, SignalManifest
from inference.artefacts.versions import Slot
from inference.confined.network import FailedAnswerError, confined
from inference.signals.levels import HORIZON_CANDLES
from inference.vocabulary import SIGNALS
from market.candles.timeframes import Timeframe
from market.symbols import parse_symbol
from predictions.accuracy.graded_signals import BLOCK_CANDLES
from predictions.accuracy.intervals import (
    Estimate,
    ratio_estimate,
    share_estimate,
    skill_estimate,
    time_blocks,
)
from predictions.accuracy.losses import log_losses
from predictions.importing.as_brought import contents, copies
from predictions.importing.findings import Findings
from predictions.importing.forecast_import import (
    CONCLUSION,
    IMPORTED,
    IMPORTED_ROLE,
    UNKNOWN,
    unknown_training,
)
from predictions.importing.independence import dependences
from predictions.importing.signal_rows import Integers, SignalRows, Windows
from predictions.promotion.leak_alarms import signal_alarms

Floats = npt.NDArray[np.float64]
Run = Callable[[Windows, Integers], Floats]
"""Windows [n, 60, 14] and indices [n] to probabilities [n, 3]."""

LEAST_FOR_FIGURES = 200
SHORT, NO_TRADE, LONG = range(3)


@dataclass(frozen=True, slots=True)
class SignalDraft:
    """A user's file and its content. like: the manifest whose barriers and times to the target go
    with it, since these are the market's and no model's; threshold: None takes that one's, too."""

    network: Path
    content: bytes
    version: str
    timeframe: Timeframe
    symbols: tuple[str, ...]
    like: SignalManifest
    threshold: float | None = None
    manifest: Path | None = None


def symbols_of(draft_manifest: Path) -> tuple[str, ...]:
    """Return the symbols of a user's own manifest. Raises ArtefactError."""
    symbols = _read(draft_manifest).symbols
    for symbol in symbols:
        try:
            stored = parse_symbol(symbol)
        except ValueError as error:
            raise ArtefactError(Refusal.MANIFEST, draft_manifest, str(error)) from error
        if stored != symbol:
            message = f"names {symbol!r}, which is written {stored}"
            raise ArtefactError(Refusal.MANIFEST, draft_manifest, message)
    return symbols


def import_signals(
    draft: SignalDraft, rows: Callable[[], SignalRows]
) -> tuple[Mapping[str, bytes], Findings]:
    """Return the files of the version's folder, and what was found.

    rows: asked for once the network is open. Raises ArtefactError where the network cannot be
    served, ImportRefusedError where its answers may not be believed.
    """
    slot = Slot(SIGNALS, draft.timeframe)
    brought = {} if draft.manifest is None else {MANIFEST_NAME: draft.manifest}
    with copies(brought, draft.network) as folder:
        path = folder / NETWORK_NAME
        path.write_bytes(draft.content)
        card = msgspec.structs.replace(_manifest(draft), files={NETWORK_NAME: file_digest(path)})
        write_card(card, folder / MANIFEST_NAME)
        with confined(slot, folder) as network:
            findings = check_signals(network.run, rows(), draft.timeframe)
        findings.refuse()
        return contents(folder), findings


def check_signals(run: Run, rows: SignalRows, timeframe: Timeframe) -> Findings:
    """Ask a network everything on recorded windows."""
    findings = Findings(len(rows.windows), rows.source)

    def answer(chosen: npt.NDArray[np.intp]) -> Floats:
        return run(np.ascontiguousarray(rows.windows[chosen]), rows.symbols[chosen])

    try:
        findings.objections += dependences(answer, len(rows.windows))
        if not findings.objections:
            said = answer(np.arange(len(rows.windows)))
            measured = figures(said, rows, timeframe)
            findings.figures = {name: found.value for name, found in measured.items()}
            findings.objections += signal_alarms(measured)
    except FailedAnswerError as error:
        findings.objections.append(f"it fails on recorded rows: {error}")
    return findings


def figures(said: Floats, rows: SignalRows, timeframe: Timeframe) -> dict[str, Estimate]:
    """Return the figures that the leak alarms look at; unknown where the rows are too few."""
    known = rows.labels >= 0
    labels, said = rows.labels[known], said[known]
    nothing = Estimate(None, None, None, len(labels), None, 0)
    if len(labels) < LEAST_FOR_FIGURES:
        return {"log_loss_skill": nothing, "direction_given_touch": nothing}
    blocks = time_blocks(rows.decided_ms[known], BLOCK_CANDLES * timeframe.ms)
    shares = np.bincount(labels, minlength=3) / len(labels)
    base = log_losses(labels, np.tile(shares, (len(labels), 1)))
    skill = ratio_estimate(log_losses(labels, said), base, blocks, overlap=HORIZON_CANDLES)
    touched = labels != NO_TRADE
    called = np.where(said[:, LONG] >= said[:, SHORT], LONG, SHORT)
    right = (called == labels)[touched].astype(np.float64)
    hits = ratio_estimate(right, np.ones(len(right)), blocks[touched], overlap=HORIZON_CANDLES)
    return {
        "log_loss_skill": skill_estimate(skill),
        "direction_given_touch": share_estimate(hits),
    }


def _manifest(draft: SignalDraft) -> SignalManifest:
    now = datetime.now(UTC)
    threshold = draft.like.threshold if draft.threshold is None else draft.threshold
    own = None if draft.manifest is None else _read(draft.manifest)
    if own is not None:
        return msgspec.structs.replace(
            own,
            version=draft.version,
            timeframe=draft.timeframe,
            role=IMPORTED_ROLE,
            network=NETWORK_NAME,
            architecture=f"{IMPORTED}: {own.architecture}",
            threshold=own.threshold if draft.threshold is None else draft.threshold,
            accuracy=None,
            metrics={"claimed": own.metrics} if own.metrics else {},
            conclusion=CONCLUSION,
        )
    return SignalManifest(
        version=draft.version,
        timeframe=draft.timeframe,
        role=IMPORTED_ROLE,
        architecture=IMPORTED,
        symbols=draft.symbols,
        label=UNKNOWN,
        barrier_atr=draft.like.barrier_atr,
        threshold=threshold,
        accuracy=None,
        touch_times=draft.like.touch_times,
        training=unknown_training(draft.symbols, now),
        metrics={},
        calibration={"touch_times_of": draft.like.version},
        conclusion=CONCLUSION,
        files={},
        created_at=now,
    )


def _read(path: Path) -> SignalManifest:
    content = read_whole(path, MAX_MANIFEST_BYTES)
    try:
        return msgspec.json.decode(content, type=SignalManifest)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ArtefactError(Refusal.MANIFEST, path, f"is not a manifest: {error}") from error
