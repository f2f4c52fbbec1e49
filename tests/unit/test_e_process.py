"""Betting on a champion's losses: rarely wrong however often looked at, and quick where it matters.

Made-up markets with what makes real ones hard: returns of ten seconds that overlap five times,
symbols that move together, variance in clusters, heavy tails, models whose errors last.
"""

from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pytest

from predictions.promotion.block_losses import Rhythm, forecast_blocks
from predictions.promotion.e_process import ALPHA, THRESHOLD, WARM_UP, EProcess
from predictions.promotion.pairing import PairedForecasts

Floats = npt.NDArray[np.float64]

HORIZON_TICKS, TICKS_A_BLOCK, SYMBOLS = 5, 30, 2
TICK_MS = 2_000
RUNS, BLOCKS = 40, 220
RESTART = 100
TRUE_R2 = 0.03


def lasting(random: np.random.Generator, shape: tuple[int, int, int], phi: float = 0.9) -> Floats:
    """Return noise of variance 1 that lasts about 1 / (1 - phi) ticks, [runs, ticks, symbols]."""
    noise = random.normal(size=shape)
    for tick in range(1, shape[1]):
        noise[:, tick] = phi * noise[:, tick - 1] + np.sqrt(1 - phi * phi) * noise[:, tick]
    return noise


def scaled_returns(random: np.random.Generator, runs: int, ticks: int) -> Floats:
    """Return overlapping 10-s returns in units of a lagging volatility, [runs, ticks, symbols]."""
    shape = (runs, ticks + HORIZON_TICKS, SYMBOLS)
    together = random.standard_t(4, size=(*shape[:2], 1))
    steps = np.sqrt(0.6) * together + np.sqrt(0.4) * random.standard_t(4, size=shape)
    wild = np.exp(0.5 * lasting(random, (runs, shape[1], 1), 0.995))
    sums = np.cumsum(np.concatenate([np.zeros((runs, 1, SYMBOLS)), steps * wild], axis=1), axis=1)
    known = np.roll(wild, 15, axis=1)[:, :ticks]
    moves: Floats = (sums[:, HORIZON_TICKS:-1] - sums[:, : -HORIZON_TICKS - 1])[:, :ticks]
    scaled: Floats = moves / (known * np.sqrt(2 * HORIZON_TICKS))
    return scaled


def block_differences(champion_r2: float, rival_r2: float, *, runs: int, seed: int) -> Floats:
    """Return mean losses of a champion minus its rival's, [runs, blocks], as the watch has them."""
    random = np.random.default_rng(seed)
    ticks = BLOCKS * TICKS_A_BLOCK
    signal = np.sqrt(TRUE_R2) * lasting(random, (runs, ticks, SYMBOLS))
    came = scaled_returns(random, runs, ticks) + signal
    said = [
        signal + np.sqrt(TRUE_R2 - r2) * lasting(random, signal.shape)
        for r2 in (champion_r2, rival_r2)
    ]
    return np.stack([_blocks(came[run], said[0][run], said[1][run]) for run in range(runs)])


def _blocks(came: Floats, mine: Floats, theirs: Floats) -> Floats:
    ticks, symbols = came.shape
    answers = np.full((2, ticks * symbols, 6), np.nan)
    answers[0, :, 0], answers[1, :, 0] = mine.ravel(), theirs.ravel()
    pairs = PairedForecasts(
        decided_ms=np.repeat(np.arange(ticks) * TICK_MS, symbols),
        symbol=np.tile(np.array([f"S{number}" for number in range(symbols)]), ticks),
        returns_bp=came.ravel(),
        moves_bp=np.ones(ticks * symbols),
        mine=answers[0],
        theirs=answers[1],
    )
    rhythm = Rhythm.of_forecasts(HORIZON_TICKS * TICK_MS)
    found = list(forecast_blocks(pairs, rhythm, rival_is_no_change=False))
    assert {block.decisions for block in found} == {26 * symbols}
    return np.array([block.difference for block in found])


def alarms(differences: Floats) -> list[int | None]:
    """Return after how many blocks each run was called, looked at after every block."""
    called: list[int | None] = []
    for run in differences:
        state = EProcess(RESTART)
        at = None
        for index, difference in enumerate(run.tolist()):
            state = state.after(difference)
            if state.e_value >= THRESHOLD:
                at = index + 1
                break
        called.append(at)
    return called


@pytest.mark.parametrize("champion_r2", [0.02, 0.025], ids=["equal", "champion_better"])
def test_e_process_champion_no_worse_is_hardly_ever_called(champion_r2: float) -> None:
    called = alarms(block_differences(champion_r2, 0.02, runs=RUNS, seed=11))

    # At 1 % more than two of forty come once in 130 times.
    assert sum(at is not None for at in called) <= 2


def test_e_process_champion_that_is_worse_is_called_the_sooner_the_worse_it_is() -> None:
    bad = alarms(block_differences(-0.15, 0.02, runs=12, seed=12))
    worse = alarms(block_differences(-0.4, 0.02, runs=12, seed=13))

    assert None not in bad
    assert None not in worse
    assert np.median([at for at in worse if at]) < np.median([at for at in bad if at])


def test_e_process_fair_coin_looked_at_always_stays_below_its_threshold() -> None:
    random = np.random.default_rng(5)
    tossed = random.choice((-1.0, 1.0), size=(200, 200))

    called = sum(EProcess(RESTART).after_all(run).highest >= THRESHOLD for run in tossed.tolist())

    assert called <= 200 * ALPHA


def test_e_process_better_and_worse_in_turns_is_no_loser() -> None:
    random = np.random.default_rng(6)
    drift = np.where(np.arange(600) // 50 % 2 == 0, -0.2, 0.2)

    highest = [
        EProcess(1_000).after_all((random.normal(size=600) + drift).tolist()).highest
        for _ in range(40)
    ]

    assert sum(each >= THRESHOLD for each in highest) <= 1


def test_e_process_good_for_long_then_bad_is_found() -> None:
    random = np.random.default_rng(7)
    good = random.normal(-0.5, 1, size=1_500)
    bad = random.normal(0.5, 1, size=1_500)

    before = EProcess(RESTART).after_all(good.tolist())
    found = before
    blocks = 0
    while found.highest < THRESHOLD:
        found = found.after(float(bad[blocks]))
        blocks += 1

    assert before.highest < 2
    assert blocks < 500


def test_e_process_warm_up_bets_nothing_and_void_blocks_count_nothing() -> None:
    state = EProcess(RESTART).after_all([5.0] * WARM_UP)

    assert (state.e_value, state.blocks, state.mean) == (1.0, WARM_UP, 5.0)
    assert state.after(float("nan")) == state
    assert state.after(5.0).e_value > 1


def test_e_process_loss_beyond_all_bounds_takes_the_boldest_bet_only() -> None:
    state = EProcess(RESTART).after_all([1.0] * (WARM_UP + 5))

    fallen = state.after(-3.0)

    assert fallen.fortunes[0] == 0
    assert all(fortune > 0 for fortune in fallen.fortunes[1:])
    assert replace(fallen, highest=0).after(1.0).fortunes[0] == 0
