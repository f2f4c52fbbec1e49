"""Which options of `manage.py retrain` go together; what would be ignored is refused.

`manage.py build_dataset` asks here, too, which options are whose.

Free of training's libraries: nothing is loaded for what cannot be followed.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from inference.vocabulary import FORECASTS, SIGNALS
from market.candles.timeframes import Timeframe

ENGINES = {"forecaster": FORECASTS, "signals": SIGNALS}
"""As --only names them."""
SIGNALS_OWN = ("timeframe", "candles", "daily")
FORECASTERS_OWN = ("recordings",)
_OTHERS: Mapping[str, tuple[str, Sequence[str]]] = {
    FORECASTS: ("the signals", SIGNALS_OWN),
    SIGNALS: ("the forecaster", FORECASTERS_OWN),
}
"""By engine, what it does not read, and who does."""
DATA = ("only", "symbols", *SIGNALS_OWN, *FORECASTERS_OWN)
FIT = ("trials", "epochs", "seed", "device")
PLACE = ("jobs", "cluster")
BEGUN = ("trigger", "since", "cause")
WHO = ("by", "why")
GOES_WITH: Mapping[str, Sequence[str]] = {
    "resume": PLACE,
    "schedule": (),
    "ship": (*DATA, *FIT, *PLACE),
    "drop": WHO,
}
"""What each way to call it takes; without any of them a run is begun, by all but WHO."""
BEGIN = (*DATA, *FIT, *PLACE, *BEGUN)


class MixedOptionsError(ValueError):
    """Options that make no sense together; the text names them, and what does."""


def refuse_mixed(options: Mapping[str, Any]) -> None:
    """Raise MixedOptionsError where an option would be ignored. options: None, False: not given."""
    given = {name for name in (*GOES_WITH, *BEGIN, *WHO) if _is_given(options.get(name))}
    modes = [name for name in GOES_WITH if name in given]
    if len(modes) > 1:
        raise MixedOptionsError(f"{_named(modes)} do not go together: one at a time")
    mode = modes[0] if modes else None
    _refuse_others(mode, given - set(modes))
    if mode == "drop" and "why" not in given:
        raise MixedOptionsError("--drop needs --why: the reason, which is kept")
    if {"jobs", "cluster"} <= given:
        raise MixedOptionsError(
            "--jobs counts processes of this machine, and --cluster fits elsewhere: one of them"
        )
    _refuse_unread(options, given)


def refuse_of_others(options: Mapping[str, Any], engine: str, leaving_out: str) -> None:
    """Raise MixedOptionsError where an option is given that an engine does not read.

    leaving_out: what was written that leaves the other engine out.
    """
    whose, names = _OTHERS[engine]
    unread = [name for name in names if _is_given(options.get(name))]
    if unread:
        verb = "is an option" if len(unread) == 1 else "are options"
        raise MixedOptionsError(
            f"{_named(unread)} {verb} of {whose}, which {leaving_out} leaves out"
        )


def _is_given(value: object) -> bool:
    return value is not None and value is not False


def _refuse_others(mode: str | None, given: set[str]) -> None:
    taken = BEGIN if mode is None else GOES_WITH[mode]
    others = [name for name in (*BEGIN, *WHO) if name in given and name not in taken]
    if not others:
        return
    if mode is None:
        raise MixedOptionsError(f"{_named(others)}: of --drop RUN alone")
    takes = f"takes {_named(taken, 'or')} alone" if taken else "takes no other option"
    which = "which goes on as it was asked for and " if mode == "resume" else "which "
    verb = "does" if len(others) == 1 else "do"
    raise MixedOptionsError(f"{_named(others)} {verb} not go with --{mode}, {which}{takes}")


def _refuse_unread(options: Mapping[str, Any], given: set[str]) -> None:
    only, timeframes = options.get("only"), options.get("timeframe") or ()
    if only is not None:
        refuse_of_others(options, ENGINES[only], f"--only {only}")
    elif timeframes:
        refuse_of_others(options, SIGNALS, "--timeframe")
    if "daily" in given and timeframes and Timeframe.D1 not in timeframes:
        raise MixedOptionsError(
            f"--daily holds candles of {Timeframe.D1}, and --timeframe asks for"
            f" {', '.join(timeframes)}"
        )


def _named(names: Sequence[str], last: str = "and") -> str:
    *words, word = [f"--{name}" for name in names]
    return f"{', '.join(words)} {last} {word}" if words else word
