"""The whole check: one pass over the entries, with everything that hangs on them.

Read by `manage.py verify_ledger`. Memory stays bounded, whatever the ledger's size.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from market.candles.store import CandleStore
from predictions.transparency.checkpoints import TreeHead
from predictions.transparency.notes import Verifier
from predictions.transparency.tiles import log_size
from predictions.verifying.chains import check_chains
from predictions.verifying.checkpoints import CheckpointWalk, key_notices
from predictions.verifying.findings import Finding, Findings
from predictions.verifying.forecast_outcomes import ForecastOutcomeCheck
from predictions.verifying.leaves import LeafWalk, TileWalk
from predictions.verifying.prunings import Prunings
from predictions.verifying.rollups import check_rollups
from predictions.verifying.rows import RowCheck
from predictions.verifying.signal_outcomes import SignalOutcomeCheck
from predictions.verifying.signing_gaps import find_signing_gaps


@dataclass(frozen=True, slots=True)
class Candles:
    """Where signals' outcomes are graded again from."""

    store: CandleStore
    exchange: str


@dataclass(slots=True)
class Verification:
    """One run over what is there when it begins; entries that come meanwhile are left out.

    trusted: keys that must have signed the checkpoints; present: the key that signs here now.
    against: earlier checkpoints, already opened. tell is called with each finding.
    retention_days: what was stored since cannot have been pruned.
    """

    candles: Candles
    tell: Callable[[Finding], None]
    trusted: Sequence[Verifier] = ()
    present: Verifier | None = None
    against: Sequence[TreeHead] = ()
    retention_days: int = 1
    findings: Findings = field(init=False)
    size: int = field(init=False, default=0)
    signed: int = field(init=False, default=0)
    held: int = field(init=False, default=0)

    def run(self) -> None:
        """Check everything."""
        self.findings = findings = Findings(self.tell)
        self.size = log_size()
        prunings = Prunings(findings, self.retention_days)
        leaves, tiles = LeafWalk(findings, prunings, self.size), TileWalk(findings)
        signed = CheckpointWalk(findings, self.size, self.trusted, self.against)
        rows, forecasts = RowCheck(findings, prunings), ForecastOutcomeCheck(findings)
        signals = SignalOutcomeCheck(findings, self.candles.store, self.candles.exchange)
        for chunk in leaves.chunks():
            for leaf in chunk:
                tiles.add(leaf.hash)
                signed.add(leaf.hash)
            for check in (rows, forecasts, signals):
                check.check(chunk)
        signed.finish()
        tiles.find_inserted(self.size)
        rows.find_orphans(self.size)
        forecasts.find_orphans()
        signals.find_orphans()
        prunings.compare_counts()
        check_chains(findings, self.size)
        check_rollups(findings)
        find_signing_gaps(findings, self.size)
        key_notices(findings, signed.keys, self.present)
        self.signed, self.held = signed.newest, signed.held
