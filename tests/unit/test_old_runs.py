"""Folders of older runs: which go when a new run begins, and which stay."""

import os
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from market.candles.old_runs import remove_old_runs


def folders(root: Path, *names: str) -> None:
    """Make folders, each newer than the one before."""
    for index, name in enumerate(names):
        inner = root / name / "BTCUSDT" / "15m"
        inner.mkdir(parents=True)
        (inner / "2026-01.parquet").touch()
        os.utime(root / name, (index, index))


def left(root: Path) -> set[str]:
    return {each.name for each in root.iterdir()}


def test_remove_old_runs_keeps_the_newest_and_all_that_are_no_runs(tmp_path: Path) -> None:
    stay = ("binance", "simulated", "coinbase%2F3", "simulated%2Fseven")
    folders(tmp_path, *stay, "simulated%2F8", "simulated%2F9", "replay%2Fbtc%2F1", "simulated%2F2")

    with capture_logs() as logs:
        remove_old_runs(tmp_path, "simulated/3")

    assert left(tmp_path) == {*stay, "replay%2Fbtc%2F1", "simulated%2F2"}
    assert [each["venue"] for each in logs if each["event"] == "old_run_removed"] == [
        "simulated/9",
        "simulated/8",
    ]


def test_remove_old_runs_removes_what_an_earlier_run_left_under_the_same_number(
    tmp_path: Path,
) -> None:
    folders(tmp_path, "simulated%2F1")

    remove_old_runs(tmp_path, "simulated/1")

    assert left(tmp_path) == set()


@pytest.mark.parametrize("venue", ["simulated", "binance", "binance/3"])
def test_remove_old_runs_of_a_venue_without_runs_does_nothing(tmp_path: Path, venue: str) -> None:
    names = [f"simulated%2F{number}" for number in range(9)]
    folders(tmp_path, *names)

    remove_old_runs(tmp_path, venue)

    assert left(tmp_path) == set(names)


def test_remove_old_runs_without_a_store_does_nothing(tmp_path: Path) -> None:
    remove_old_runs(tmp_path / "none", "simulated/1")

    assert left(tmp_path) == set()


def test_remove_old_runs_goes_on_where_one_cannot_be_removed(tmp_path: Path) -> None:
    folders(tmp_path, "simulated%2F2", "simulated%2F3", "simulated%2F4")
    (tmp_path / "simulated%2F1").touch()  # a file where a folder should be
    os.utime(tmp_path / "simulated%2F1", (0.5, 0.5))

    with capture_logs() as logs:
        remove_old_runs(tmp_path, "simulated/5")

    assert left(tmp_path) == {"simulated%2F1", "simulated%2F3", "simulated%2F4"}
    assert [each["venue"] for each in logs if each["event"] == "old_run_not_removed"] == [
        "simulated/1"
    ]
