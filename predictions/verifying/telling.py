"""What a check of the ledger says: findings as they come, then what was checked and what it shows.

Read by `manage.py verify_ledger`.
"""

import json
from collections.abc import Callable

from predictions.verifying.findings import Finding, Kind
from predictions.verifying.verification import Verification

Say = Callable[[str], object]

NOTICES = {
    Kind.GAP: "links of hash chains are missing: entries were lost, or withheld, before the ledger",
    Kind.RESTART: "hash chains began anew: Redis had lost its state",
    Kind.FORK: "entries follow one that another entry follows: Redis lost that, or it is forged",
    Kind.LATE_SIGNED: "stretches of entries went over 10 minutes without a checkpoint",
    Kind.REPEATED: "rows were said again by a later entry; the first stays",
    Kind.PRUNED: "rows of entries that are still there were pruned",
    Kind.UNCHECKED: "outcomes rest on prices or candles that are kept no more",
    Kind.KEY: "other keys than this instance's signed checkpoints",
}
NOT_COVERED = (
    "Not covered: row ids, the times at which rows were written, graded or signed, and sums of "
    "hours whose forecasts were pruned."
)
ON_TRUST = (
    "On trust: the fees that outcomes of signals were graded with (fee_bp, and r_after_fees, which "
    "is reckoned from it)."
)


def as_text(finding: Finding) -> str:
    """Return a line for a person."""
    return str(finding)


def as_json(finding: Finding) -> str:
    """Return a line for a program."""
    return json.dumps(finding.as_json(), ensure_ascii=False)


def summary_text(done: Verification) -> str:
    """Return what was checked, what was found, and what may be claimed."""
    findings = done.findings
    checked = ", ".join(f"{count} {name}" for name, count in sorted(findings.checked.items()))
    lines = [f"Checked: {checked or 'an empty ledger'}."]
    faults = [f"{count} {kind}" for kind, count in findings.found.items() if kind.is_fault]
    lines.append(f"Differing: {', '.join(faults)}." if faults else "Nothing differs.")
    lines += [
        f"Notice: {findings.found[kind]} {told}."
        for kind, told in NOTICES.items()
        if findings.found[kind]
    ]
    return "\n".join([*lines, _claim(done), NOT_COVERED, ON_TRUST])


def summary_json(done: Verification) -> str:
    """Return the last line for a program."""
    findings = done.findings
    return json.dumps(
        {
            "summary": {
                "ok": not findings.faults,
                "entries": done.size,
                "signed_entries": done.signed,
                "unchanged_since": done.held if done.against else None,
                "checked": dict(findings.checked),
                "found": {str(kind): count for kind, count in findings.found.items()},
                "claim": _claim(done),
                "not_covered": NOT_COVERED,
                "on_trust": ON_TRUST,
            }
        }
    )


def _claim(done: Verification) -> str:
    if done.findings.faults:
        return "What is named above is not what was recorded."
    told = []
    pruned = done.findings.checked["pruned entries"]
    if done.against and (pruned or done.findings.found[Kind.PRUNED]):
        told.append(
            f"None of the first {done.held} entries was altered or removed since the checkpoint "
            "that was given, nor any row made of them that pruning left."
        )
    elif done.against:
        told.append(
            f"None of the first {done.held} entries, and no row made of them, was altered or "
            "removed since the checkpoint that was given."
        )
    if done.signed:
        told.append(
            f"The first {done.signed} of {done.size} entries are those of the newest checkpoint, "
            "and rows are what entries say."
        )
    else:
        told.append("Rows are what entries say; no checkpoint was signed yet.")
    if pruned:
        told.append(
            f"Of {pruned} pruned entries only the hashes are left to compare, and no rows: what "
            "these said can be shown by whoever kept it."
        )
    if not done.against:
        told.append(
            "That nobody rewrote everything and signed it anew is evident only to whoever holds "
            "an earlier checkpoint (--against)."
        )
    return " ".join(told)
