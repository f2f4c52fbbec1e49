"""What the README says of signals' skill against the manifests that are shipped."""

from typing import Any

import msgspec
import pytest

from inference.artefacts.signal_manifest import MANIFEST_NAME, SignalManifest
from market.candles.timeframes import SIGNAL_TIMEFRAMES, Timeframe
from tests.documents import README, ROOT, rows, section

NETWORK, PRIOR = "CNN-LSTM", "class prior"
PARTS = {"walk-forward": "walk_forward", "final test": "final_test"}
HEADING = "### Signals"
Figure = dict[str, Any]


def manifest(timeframe: Timeframe) -> SignalManifest:
    path = ROOT / "models" / "pooled" / timeframe / MANIFEST_NAME
    return msgspec.json.decode(path.read_bytes(), type=SignalManifest)


def percent(figure: Figure) -> str:
    if figure["lower"] is None:
        return f"{100 * figure['value']:.0f}"
    value, lower, upper = (f"{100 * figure[key]:+.2f}" for key in ("value", "lower", "upper"))
    return f"{value} [{lower}, {upper}]".replace("-", "−")


def share(figure: Figure) -> str:
    if figure["value"] is None:
        return "–"
    return f"{figure['value']:.3f} [{figure['lower']:.3f}, {figure['upper']:.3f}]"


def p_value(p: float | None) -> str:
    if p is None:
        return "–"
    return "< 0.0001" if p < 0.0001 else f"{p:.4f}"


def row(timeframe: Timeframe, part: str) -> list[str]:
    told = manifest(timeframe)
    judged = told.metrics[PARTS[part]]
    served, network = judged[told.architecture], judged[NETWORK]
    # The class prior has no skill to have an n_eff of: then the network's stands there.
    sized = network if told.architecture == PRIOR else served
    return [
        str(timeframe),
        told.architecture,
        part,
        f"{served['n']:,} ({sized['log_loss_skill']['n_eff']:,.0f})",
        percent(served["log_loss_skill"]),
        p_value(served["dm_p"]),
        share(served["direction_given_touch"]),
        share(served["top_decile_direction"]),
        f"{served['ece']:.3f}",
        percent(network["log_loss_skill"]),
    ]


def test_table_of_signals_is_that_of_the_shipped_manifests() -> None:
    expected = [row(timeframe, part) for timeframe in SIGNAL_TIMEFRAMES for part in PARTS]
    assert rows(section(README, HEADING)) == expected


def test_timeframes_that_call_no_direction_are_named_at_once() -> None:
    silent = [one for one in SIGNAL_TIMEFRAMES if manifest(one).architecture == PRIOR]
    opening = section(README, HEADING).strip().partition("\n\n")[0]
    lead = README.read_text().partition("## Start")[0]
    for text in (opening, lead):
        assert f"At {' and '.join(silent)} nothing beat chance" in text
        assert "no direction is called" in text
    assert all(manifest(one).threshold == 1 for one in silent)


def test_thresholds_are_told_and_the_idle_one_is_called_idle() -> None:
    text = " ".join(section(README, HEADING).split())
    for timeframe in SIGNAL_TIMEFRAMES:
        told = manifest(timeframe)
        if told.architecture != PRIOR:
            assert f"{told.threshold:.3f} at {timeframe}" in text
    assert manifest(Timeframe.M15).threshold < 1 / 3 + 0.001
    assert "0.333 at 15m filters nothing" in text


def test_share_of_volatility_is_that_of_the_manifests() -> None:
    shares = [
        manifest(timeframe).metrics[part]["LightGBM"]["touch_share"]
        for timeframe in (Timeframe.M15, Timeframe.H1)
        for part in PARTS.values()
    ]
    words = f"{100 * min(shares):.0f} to {100 * max(shares):.0f} % of the log-loss gained"
    assert words in section(README, HEADING)


def test_version_shown_is_one_that_is_shipped() -> None:
    assert f"`{manifest(Timeframe.H1).version}`" in section(README, HEADING)


def test_missed_calibration_target_is_told() -> None:
    text = " ".join(section(README, HEADING).split())
    for timeframe in (Timeframe.M15, Timeframe.H1):
        told = manifest(timeframe)
        ece = told.metrics["final_test"][told.architecture]["ece"]
        missed = f"The ECE of {timeframe} missed its target of 0.03 on the final test: {ece:.3f}"
        assert (missed in text) == (ece > 0.03)


@pytest.mark.parametrize("timeframe", SIGNAL_TIMEFRAMES)
def test_card_says_first_thing_what_the_network_file_is(timeframe: Timeframe) -> None:
    told = manifest(timeframe)
    lines = (ROOT / "models" / "pooled" / timeframe / "card.md").read_text().splitlines()
    assert lines[0] == f"# Signals {timeframe} {told.version}"
    assert told.architecture in lines[2]
    assert told.architecture == NETWORK or "no CNN-LSTM" in lines[2]
    assert told.conclusion in lines[4]


def test_versions_of_the_shipped_models_differ() -> None:
    assert len({manifest(one).version for one in SIGNAL_TIMEFRAMES}) == len(SIGNAL_TIMEFRAMES)
