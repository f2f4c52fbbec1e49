"""What cards and manifests claim of a signal model: only what the intervals hold."""

from dataclasses import replace

import numpy as np
import pytest

from market.candles.timeframes import Timeframe
from tests.made_candles import market, walk
from tests.signal_datasets import made_up
from training.recordings import TooLittleDataError
from training.signals.calibration import Threshold
from training.signals.cards import alone_words, size, threshold_words, what_lies_here
from training.signals.conclusions import beyond_chance, findings, percent
from training.signals.datasets import SignalDataset, build
from training.signals.judging import SignalJudgement
from training.signals.options import FitOptions
from training.signals.splitting import candles_for
from training.signals.sufficiency import least_taught, require_enough
from training.signals.trainer import fit_tasks
from training.significance import Estimate

NOTHING = Estimate(None, None, None, 0, None, 0)


def _figure(value: float, reach: float, n_eff: float = 100) -> Estimate:
    return Estimate(value, value - reach, value + reach, 1_000, n_eff, 20)


def _judgement(
    *,
    skill: Estimate,
    direction: Estimate = NOTHING,
    surest: Estimate = NOTHING,
    touch_share: float | None = None,
) -> SignalJudgement:
    return SignalJudgement(
        name="LightGBM",
        n=1_000,
        log_loss=1.09,
        log_loss_skill=skill,
        dm_p=0.001,
        touch_skill=skill,
        direction_given_touch=direction,
        top_decile_direction=surest,
        accuracy=_figure(0.4, 0.01),
        brier=0.66,
        brier_prior=0.67,
        ece=0.02,
        block_skills=(0.0,) * 6,
        tercile_skills=(0.0,) * 3,
        touch_share=touch_share,
    )


def test_findings_name_what_is_beyond_chance_and_what_is_not() -> None:
    first = _judgement(
        skill=_figure(0.008, 0.005),
        direction=_figure(0.528, 0.035),
        surest=_figure(0.57, 0.05),
        touch_share=0.9,
    )
    last = _judgement(
        skill=_figure(0.014, 0.008),
        direction=_figure(0.546, 0.079),
        surest=_figure(0.48, 0.11),
        touch_share=0.84,
    )
    skill, direction, surest, volatility, calibration = findings(first, last)
    assert skill.startswith("Log-loss skill")
    assert skill.endswith("beyond chance in both")
    assert direction == (
        "Right direction given a touch 0.528 [0.493, 0.563] walk-forward and 0.546 [0.467, 0.625]"
        " on the final test: not shown to be beyond chance in either"
    )
    assert "0.480 [0.370, 0.590]" in surest
    assert surest.endswith("beyond chance walk-forward, not shown to be on the final test")
    assert "90 % and 84 % of the log-loss gained" in volatility
    assert calibration == (
        "ECE 0.020 walk-forward and 0.020 on the final test: the target of 0.03 is met in both"
    )


def test_findings_say_where_the_calibration_target_is_missed() -> None:
    one = _judgement(skill=_figure(0.02, 0.01))
    said = findings(one, replace(one, ece=0.043))[-1]
    assert said.endswith("0.043 on the final test: the target of 0.03 is missed on the final test")


def test_findings_where_direction_is_the_skill_do_not_speak_of_volatility() -> None:
    one = _judgement(
        skill=_figure(0.02, 0.01), direction=_figure(0.56, 0.02), surest=_figure(0.6, 0.02)
    )
    said = findings(replace(one, touch_share=0.9), replace(one, touch_share=0.3))
    assert len(said) == 4
    assert not any("volatility" in one for one in said)
    assert said[1].endswith("beyond chance in both")


def test_findings_of_a_model_without_direction_say_so() -> None:
    one = _judgement(skill=_figure(0.02, 0.03), touch_share=1.0)
    skill, direction, *_ = findings(one, one)
    assert skill.endswith("not shown to be beyond chance in either")
    assert direction == "It names no direction"


def test_beyond_chance_needs_an_interval() -> None:
    assert beyond_chance(_figure(0.55, 0.04), 0.5)
    assert not beyond_chance(_figure(0.55, 0.06), 0.5)
    assert not beyond_chance(replace(_figure(0.55, 0.0), lower=None, upper=None), 0.5)


def test_percent_of_what_does_not_differ_has_no_interval() -> None:
    assert percent(Estimate(0.0, None, None, 100, None, 5)) == "0.00 %"
    assert percent(NOTHING) == "-"


def test_size_names_the_served_model_and_the_network() -> None:
    served = _judgement(
        skill=_figure(0.01, 0.005, n_eff=608),
        direction=_figure(0.5, 0.1, n_eff=200),
        surest=_figure(0.5, 0.1, n_eff=70),
    )
    network = replace(served, log_loss_skill=_figure(0.01, 0.005, n_eff=749))
    words = size({"LightGBM": served, "CNN-LSTM": network}, "LightGBM")
    assert words.index("n_eff of LightGBM: skill 608") < words.index("n_eff of CNN-LSTM: skill 749")
    prior = _judgement(skill=replace(_figure(0.0, 0.0), n_eff=None))
    words = size({"class prior": prior, "CNN-LSTM": network}, "class prior")
    assert "class prior is the yardstick itself" in words
    assert "n_eff of CNN-LSTM: skill 749" in words


@pytest.mark.parametrize(
    ("served", "word"), [("LightGBM", "LightGBM"), ("class prior", "constant")]
)
def test_card_says_that_the_file_is_no_network(served: str, word: str) -> None:
    words = what_lies_here(served)
    assert word in words.partition(":")[0]
    assert "`cnn_lstm_best.pt` beside it is the CNN-LSTM, which is not served" in words


def test_threshold_of_one_third_is_said_to_filter_nothing() -> None:
    idle = Threshold(0.3334, True, 0.53, 0.51, 1_000)
    assert "filters nothing" in threshold_words(idle)
    assert "filters nothing" not in threshold_words(replace(idle, value=0.371))


def test_older_candles_of_one_market_alone_are_named() -> None:
    day = Timeframe.D1
    source = market(("AAAUSDT", "BBBUSDT"), 400, timeframe=day)
    years = 400 * day.ms
    older = walk(400, seed=9, step_ms=day.ms, start_ms=1_704_067_200_000 - 3 * years)
    dataset = build(source, ("AAAUSDT", "BBBUSDT"), day, [("AAAUSDT", older)])
    alone = int((dataset.decided_ms < 1_704_067_200_000).sum())
    assert f"is AAAUSDT alone: {alone} decisions" in alone_words(dataset)
    assert alone_words(build(source, ("AAAUSDT", "BBBUSDT"), day)) == ""
    assert alone_words(build(source, ("AAAUSDT",), day)) == ""


@pytest.mark.parametrize("coins", [1, 3])
def test_candles_for_are_enough_and_not_many_too_many(coins: int) -> None:
    names = ("AAAUSDT", "BBBUSDT", "CCCUSDT")[:coins]

    def of(candles: int) -> SignalDataset:
        return build(market(names, candles, timeframe=Timeframe.H1), names, Timeframe.H1)

    needed = candles_for(least_taught(Timeframe.H1), coins)
    require_enough(of(needed), FitOptions())
    with pytest.raises(TooLittleDataError, match=r"fold 1 (learns|calibrates)"):
        require_enough(of(needed - 26), FitOptions())


def test_fit_tasks_of_too_few_candles_say_how_many_are_needed() -> None:
    names = ("AAAUSDT", "BBBUSDT")
    dataset = build(market(names, 250, timeframe=Timeframe.D1), names, Timeframe.D1)
    with pytest.raises(TooLittleDataError) as told:
        fit_tasks(dataset, FitOptions())
    text = str(told.value)
    for part in (
        "fold 1 learns from 0, and 200 are needed",
        "210 candles of history",
        "12 after it",
        "58 decisions of 2 coins over 960 hours",
    ):
        assert part in text
    candles = candles_for(200, 2)
    assert f"About {candles} candles of each ({24 * candles:,} hours)" in text


def test_fit_tasks_of_one_class_alone_say_that_every_class_is_needed() -> None:
    dataset = made_up(candles=700, signal=0.0)
    dataset = replace(dataset, label=np.zeros_like(dataset.label))
    with pytest.raises(TooLittleDataError, match=r"teach too little.*of every class"):
        fit_tasks(dataset, FitOptions())


def test_fit_tasks_of_enough_candles_are_one_a_split() -> None:
    tasks = fit_tasks(made_up(candles=700, signal=0.0), FitOptions())
    assert [task.split for task in tasks] == ["fold-1", "fold-2", "fold-3", "fold-4", "final"]
    assert all(len(np.unique(task.rows)) == len(task.rows) for task in tasks)
