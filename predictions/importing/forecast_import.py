"""A user's forecaster: laid down with a manifest that claims nothing, tried, checked on real rows.

Two layouts are understood: raw features [N, 20] to the six columns [N, 6], and the
specification's, an absolute price with `scaler.pkl` beside the file.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import numpy as np
import numpy.typing as npt

from inference.artefacts.errors import ArtefactError, Refusal
from inference.artefacts.manifest import Manifest, Training, manifest_path, write_manifest
from inference.artefacts.manifest_files import MAX_MANIFEST_BYTES, SCALER_NAME
from inference.artefacts.network_files import read_whole
from inference.artefacts.versions import FORECASTER_NAME, Slot
from inference.confined.network import FailedAnswerError, confined
from inference.vocabulary import FORECASTS, Role
from market.hot.vector import INDEX
from predictions.accuracy.intervals import ratio_estimate, time_blocks
from predictions.importing.as_brought import contents, copies
from predictions.importing.findings import Findings
from predictions.importing.forecast_rows import ForecastRows
from predictions.importing.independence import dependences
from predictions.promotion.leak_alarms import leak_alarms

Floats = npt.NDArray[np.float64]
Run = Callable[[Floats], Floats]
"""Features [n, 20] to the six columns [n, 6]."""

IMPORTED = "imported"
IMPORTED_ROLE = Role.BASELINE
"""A champion has beaten every baseline at the gate: nothing shows that of it."""
UNKNOWN = "unknown"
CONCLUSION = (
    "Brought by a user: what it learned from, and how it was judged, is not known. Only its own "
    "record in this ledger, on trial beside the champion, says what it is worth."
)
LARGEST_BP = 500.0
"""No forecast of a return on recorded rows is larger; an absolute price is."""
LEAST_FOR_FIGURES = 200
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class ForecasterDraft:
    """A user's files. content: the network's; scaler: of the specification's layout; manifest:
    the user's own, if any."""

    network: Path
    content: bytes
    version: str
    horizon_ms: int
    symbols: tuple[str, ...] = ()
    scaler: Path | None = None
    manifest: Path | None = None

    @property
    def native(self) -> bool:
        """Return whether raw features become six columns, not scaled ones a price."""
        return self.manifest is not None or self.scaler is None


def unknown_training(symbols: tuple[str, ...], now: datetime) -> Training:
    """Return what is known of an imported model's learning: it may have seen all until now."""
    return Training(span=(EPOCH, now), recordings=(), rows=0, data_digest="", symbols=symbols)


def import_forecaster(
    draft: ForecasterDraft, rows: Callable[[], ForecastRows]
) -> tuple[Mapping[str, bytes], Findings]:
    """Return the files of the version's folder, and what was found.

    rows: asked for once the network is open. Raises ArtefactError where the network cannot be
    served, ImportRefusedError where its answers may not be believed.
    """
    brought = {manifest_path(Path(FORECASTER_NAME)).name: draft.manifest, SCALER_NAME: draft.scaler}
    with copies({k: path for k, path in brought.items() if path}, draft.network) as folder:
        _lay_down(draft, folder)
        with confined(Slot(FORECASTS), folder, horizon_ms=draft.horizon_ms) as network:
            findings = check_forecaster(network.run, rows(), native=draft.native)
        findings.refuse()
        return contents(folder), findings


def check_forecaster(run: Run, rows: ForecastRows, *, native: bool) -> Findings:
    """Ask a forecaster everything on recorded rows. native: see `ForecasterDraft`."""
    findings = Findings(len(rows.features), rows.source)
    try:
        _check(findings, run, rows, native)
    except FailedAnswerError as error:
        findings.objections.append(f"it fails on recorded rows: {error}")
    return findings


def _check(findings: Findings, run: Run, rows: ForecastRows, native: bool) -> None:
    columns = slice(None) if native else slice(0, 1)

    def answer(features: Floats) -> Floats:
        return np.asarray(run(features)[:, columns])

    findings.objections += dependences(
        lambda chosen: answer(rows.features[chosen]), len(rows.features)
    )
    if findings.objections:
        return
    said = answer(rows.features)
    findings.objections += _implausible(said)
    if native and not findings.objections:
        findings.objections += _knows_prices(answer, rows.features, said)
    findings.figures = figures(said[:, 0], rows)
    findings.objections += leak_alarms(findings.figures)


def figures(said_bp: Floats, rows: ForecastRows) -> dict[str, float | None]:
    """Return R², hit rate and MAE ratio on the rows, None where they are too few to tell."""
    known = np.isfinite(rows.returns_bp)
    came, said = rows.returns_bp[known], said_bp[known]
    if len(came) < LEAST_FOR_FIGURES or not came.any():
        return {"r2": None, "hit_rate": None, "mae_ratio": None}
    blocks = time_blocks(rows.decided_ms[known])
    moved = (came != 0) & (said != 0)
    ratios = [
        ratio_estimate(above, below, blocks, overlap=1.0).value
        for above, below in (
            ((came - said) ** 2, came**2),
            (np.where(moved, np.sign(came) == np.sign(said), 0.0), moved.astype(np.float64)),
            (np.abs(came - said), np.abs(came)),
        )
    ]
    error, hits, mae = ratios
    return {"r2": None if error is None else 1 - error, "hit_rate": hits, "mae_ratio": mae}


def _implausible(said: Floats) -> list[str]:
    found = []
    largest = float(np.abs(said[:, 0]).max())
    if largest > LARGEST_BP:
        found.append(
            f"it answers returns of up to {largest:,.0f} bp, at most {LARGEST_BP:.0f} are allowed: "
            "the first column is the expected return in bp, not a price"
        )
    if said.shape[1] == 1:
        return found
    if (said[:, 1] > said[:, 2]).any():
        found.append("its lower quantile (q05_bp) is above its upper one (q95_bp)")
    shares = said[:, 3:]
    if (shares < 0).any() or (np.abs(shares.sum(axis=1) - 1) > 1e-3).any():
        found.append("p_up, p_flat and p_down are no probabilities that sum to 1")
    return found


def _knows_prices(answer: Run, features: Floats, said: Floats) -> list[str]:
    # Twice is exact in float32: whoever uses ratios of prices alone sees no difference.
    doubled = features.copy()
    doubled[:, [INDEX["price"], INDEX["mid_price"]]] *= 2
    other = answer(doubled)
    off = np.abs(other - said) > 1e-4 * np.maximum(1.0, np.abs(said))
    if not off.any():
        return []
    return [
        f"its answers depend on the absolute price ({int(off.any(axis=1).sum())} of {len(said)} "
        "rows change where all prices are twice as high): a price tells the date, and with it what "
        "came; only their ratio may matter"
    ]


def _lay_down(draft: ForecasterDraft, folder: Path) -> None:
    network = folder / FORECASTER_NAME
    network.write_bytes(draft.content)
    if draft.scaler is not None and not draft.native:
        content = read_whole(draft.scaler, MAX_MANIFEST_BYTES)
        network.with_name(SCALER_NAME).write_bytes(content)
    else:
        write_manifest(_manifest(draft), network)


def _manifest(draft: ForecasterDraft) -> Manifest:
    now = datetime.now(UTC)
    if draft.manifest is not None:
        content = read_whole(draft.manifest, MAX_MANIFEST_BYTES)
        try:
            own = msgspec.json.decode(content, type=Manifest)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            message = f"is not a manifest: {error}"
            raise ArtefactError(Refusal.MANIFEST, draft.manifest, message) from error
        return msgspec.structs.replace(
            own,
            version=draft.version,
            role=IMPORTED_ROLE,
            architecture=f"{IMPORTED}: {own.architecture}",
            metrics={"claimed": own.metrics} if own.metrics else {},
            conclusion=CONCLUSION,
            files={},
        )
    return Manifest(
        version=draft.version,
        role=IMPORTED_ROLE,
        architecture=IMPORTED,
        label=UNKNOWN,
        horizon_seconds=draft.horizon_ms / 1000,
        training=unknown_training(draft.symbols, now),
        metrics={},
        calibration={},
        conclusion=CONCLUSION,
        files={},
        created_at=now,
    )
