"""Which options of `manage.py retrain` go together: what would be ignored is refused by name."""

from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from training.pipeline.modes import MixedOptionsError, refuse_mixed

PATH = Path("somewhere")


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"trials": 3, "epochs": 2, "seed": 0, "device": "cuda", "jobs": 2},
        {"only": "forecaster", "recordings": [PATH], "symbols": "BTCUSDT"},
        {"only": "signals", "timeframe": ["1h", "1d"], "candles": PATH, "daily": PATH},
        {"recordings": [PATH], "candles": PATH, "daily": PATH},
        {"ship": PATH, "only": "signals", "trials": 1, "cluster": "tcp://a:1"},
        {"resume": True, "jobs": 1},
        {"schedule": "weekly"},
        {"drop": 3, "why": "the wrong symbols", "by": "ann"},
        {"trigger": "drift", "cause": "x", "since": "2026-01-04"},
    ],
)
def test_options_that_belong_together_are_taken(options: dict[str, Any]) -> None:
    refuse_mixed(options)


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (
            {"only": "forecaster", "timeframe": ["1h"]},
            "--timeframe is an option of the signals, which --only forecaster leaves out",
        ),
        (
            {"only": "forecaster", "candles": PATH, "daily": PATH},
            "--candles and --daily are options of the signals, which --only forecaster leaves out",
        ),
        (
            {"only": "signals", "recordings": [PATH]},
            "--recordings is an option of the forecaster, which --only signals leaves out",
        ),
        (
            {"timeframe": ["1h"], "recordings": [PATH]},
            "--recordings is an option of the forecaster, which --timeframe leaves out",
        ),
        (
            {"timeframe": ["1h", "4h"], "daily": PATH},
            "--daily holds candles of 1d, and --timeframe asks for 1h, 4h",
        ),
        (
            {"jobs": 2, "cluster": "tcp://a:1"},
            "--jobs counts processes of this machine, and --cluster fits elsewhere: one of them",
        ),
        ({"resume": True, "jobs": 2, "cluster": "tcp://a:1"}, "one of them"),
        (
            {"resume": True, "trials": 0, "recordings": [PATH]},
            "--recordings and --trials do not go with --resume, which goes on as it was asked for"
            " and takes --jobs or --cluster alone",
        ),
        (
            {"schedule": "weekly", "only": "signals"},
            "--only does not go with --schedule, which takes no other option",
        ),
        ({"ship": PATH, "trigger": "drift"}, "--trigger does not go with --ship"),
        ({"drop": 3, "why": "x", "jobs": 1}, "--jobs does not go with --drop"),
        ({"resume": True, "drop": 3, "why": "x"}, "--resume and --drop do not go together"),
        ({"schedule": "off", "ship": PATH}, "--schedule and --ship do not go together"),
        ({"drop": 3}, "--drop needs --why: the reason, which is kept"),
        ({"why": "x"}, "--why: of --drop RUN alone"),
        ({"by": "ann", "trials": 2}, "--by: of --drop RUN alone"),
    ],
)
def test_options_that_would_be_ignored_are_refused_by_name(
    options: dict[str, Any], told: str
) -> None:
    with pytest.raises(MixedOptionsError) as refused:
        refuse_mixed(options)
    assert told in str(refused.value)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--for", "forecasts", "--timeframe", "1h"], "--timeframe is an option of the signals"),
        (["--timeframe", "1h", "--recordings", "x"], "which --for signals leaves out"),
    ],
)
def test_build_dataset_refuses_options_of_the_other_engine(words: list[str], told: str) -> None:
    with pytest.raises(CommandError, match=told):
        call_command("build_dataset", *words)
