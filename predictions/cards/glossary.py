"""What the words of retraining mean, a plain sentence each: the one place that says so.

Read by the Models page, `/api/models/words` and docs/reference.md, which a test holds to it.
"""

from dataclasses import dataclass
from enum import StrEnum


class Panel(StrEnum):
    """A part of the Models page, beside which its words are explained."""

    SLOTS = "slots"
    GATE = "gate"
    RANKING = "ranking"
    RUNS = "runs"
    WATCH = "watch"
    DRIFT = "drift"
    CARDS = "cards"


@dataclass(frozen=True, slots=True)
class Word:
    """A term as the page writes it, what it means, and the parts of the page that use it."""

    term: str
    means: str
    panels: tuple[Panel, ...]


_SLOTS, _GATE, _RANKING, _RUNS, _WATCH, _DRIFT, _CARDS = Panel

GLOSSARY = (
    Word(
        "slot",
        "What one model serves: the 10-second forecast, or the signals of one timeframe.",
        (_SLOTS,),
    ),
    Word(
        "champion",
        "The version that serves a slot: its predictions are the ones that are shown.",
        (_SLOTS, _RANKING, _WATCH),
    ),
    Word(
        "challenger",
        "A newly trained version that may take the champion's place.",
        (_SLOTS, _GATE, _RUNS),
    ),
    Word(
        "on trial (shadow)",
        "It predicts the same moments as the champion and is graded alike, but its predictions are "
        "recorded only: nobody is shown them.",
        (_SLOTS, _GATE),
    ),
    Word(
        "gate",
        "The questions that a challenger must answer with figures before it may serve, once after "
        "training and once after its trial; a single one failed keeps it out.",
        (_SLOTS, _GATE),
    ),
    Word(
        "rollback",
        "The version that served before takes its place again, and the one that served is "
        "rejected.",
        (_SLOTS, _WATCH),
    ),
    Word(
        "frozen",
        "Only a person changes what serves; training and trials go on.",
        (_SLOTS,),
    ),
    Word(
        "baseline",
        "A simple rule that any model worth serving has to beat, such as no change or the class "
        "shares.",
        (_GATE, _RANKING, _CARDS),
    ),
    Word(
        "no change",
        "The baseline of forecasts: it says that the price stays where it is.",
        (_RANKING, _WATCH, _CARDS),
    ),
    Word(
        "class shares",
        "The baseline of signals: it says LONG, SHORT and NO_TRADE as often as each came.",
        (_RANKING, _WATCH, _CARDS),
    ),
    Word(
        "loss",
        "How wrong predictions were, on average: of forecasts the squared error, of signals the "
        "log-loss; smaller is better.",
        (_GATE, _RUNS, _WATCH, _DRIFT),
    ),
    Word(
        "loss saved",
        "How much smaller a version's loss is than the champion's on the very same decisions, as "
        "a share of the champion's; below 0 it is larger.",
        (_RANKING,),
    ),
    Word(
        "shared decisions",
        "Moments that both the version and the champion predicted, so that neither had the easier "
        "hours.",
        (_RANKING,),
    ),
    Word(
        "95 % interval",
        "The range in which the true figure lies in 95 of 100 such cases; where it holds the "
        "value that stands for no difference, nothing is shown either way.",
        (_RANKING, _CARDS),
    ),
    Word(
        "decisions (n)",
        "How many predictions with a known outcome a figure rests on.",
        (_GATE, _RANKING, _WATCH, _CARDS),
    ),
    Word(
        "independent ones (n_eff)",
        "How many unrelated predictions would tell as much: outcomes overlap in time and coins "
        "move together, so they are far fewer than n.",
        (_GATE, _CARDS),
    ),
    Word(
        "out of sample",
        "Judged on recorded moments that the version did not learn from.",
        (_GATE,),
    ),
    Word(
        "walk-forward",
        "Trained on the past up to a moment and judged on what came next, then moved on and done "
        "again: as it would have gone in life.",
        (_GATE, _RUNS, _CARDS),
    ),
    Word(
        "embargo",
        "A gap between what was learned from and what is judged, so that no outcome reaches from "
        "one into the other.",
        (_GATE, _RUNS, _CARDS),
    ),
    Word(
        "final test",
        "The last fifth of the recorded time, looked at once at the very end: it may refuse a "
        "version, and never chooses one.",
        (_GATE, _CARDS),
    ),
    Word(
        "Diebold-Mariano p",
        "How likely luck alone would give such a lead if both were equally good; 0.01 is once in "
        "a hundred.",
        (_GATE,),
    ),
    Word(
        "SPA p",
        "The same where several variants were tried: the best of many looks good by luck more "
        "easily, and this test (superior predictive ability) counts that in.",
        (_GATE,),
    ),
    Word(
        "time blocks",
        "Equal stretches of the judged time: who is better in one of them alone is not better.",
        (_GATE,),
    ),
    Word(
        "volatility tercile",
        "The third of all decisions that fell into the calmest, the middle or the wildest market.",
        (_GATE,),
    ),
    Word(
        "R²",
        "The share of the price's squared moves that a forecast explains: 0 is as good as saying "
        "no change, below 0 is worse.",
        (_GATE, _RANKING, _CARDS),
    ),
    Word(
        "MAE ratio",
        "The mean error divided by that of saying no change: below 1 is better.",
        (_RANKING, _CARDS),
    ),
    Word(
        "hit rate",
        "How often the called direction was right, where the price moved, or a target or stop was "
        "touched; a coin has 50 %.",
        (_RANKING, _CARDS),
    ),
    Word(
        "log-loss",
        "How wrong probabilities were: being sure and wrong costs most.",
        (_GATE, _RANKING, _CARDS),
    ),
    Word(
        "log-loss skill",
        "How much smaller the log-loss is than that of the class shares: above 0 is better.",
        (_RANKING, _CARDS),
    ),
    Word(
        "accuracy",
        "How often the likeliest of LONG, SHORT and NO_TRADE is what came.",
        (_RANKING, _CARDS),
    ),
    Word(
        "touch skill",
        "How much better than the share of touches a model knows whether target or stop will be "
        "touched in time: above 0 is better.",
        (_CARDS,),
    ),
    Word(
        "direction if touched",
        "How often the likelier direction was right where target or stop was touched; a coin has "
        "50 %.",
        (_CARDS,),
    ),
    Word(
        "surest tenth",
        "The same of the tenth of all signals that the model was surest of.",
        (_CARDS,),
    ),
    Word(
        "threshold",
        "How likely a direction must be before a signal calls it.",
        (_CARDS,),
    ),
    Word(
        "R, ATR",
        "R is the distance from entry to stop, told in ATR: the average range of the newest "
        "candles.",
        (_CARDS,),
    ),
    Word(
        "Brier",
        "The squared distance of the probabilities from what happened: 0 is perfect, smaller is "
        "better.",
        (_CARDS,),
    ),
    Word(
        "ECE",
        "Expected calibration error: how far probabilities lie from how often things happen; at "
        "0.03, what is called 60 % happens about 57 or 63 times in a hundred.",
        (_GATE, _CARDS),
    ),
    Word(
        "calibration",
        "What happened less what was said, on average: 0 is right; a sureness below 0 means surer "
        "than it was right.",
        (_DRIFT,),
    ),
    Word(
        "coverage",
        "The share of outcomes inside the interval that is to hold 90 % of them.",
        (_GATE, _RANKING, _DRIFT, _CARDS),
    ),
    Word(
        "leak alarm",
        "A figure too good to be true, which mostly means that a model saw some of the future by "
        "mistake.",
        (_GATE, _CARDS),
    ),
    Word(
        "variant",
        "One way of building the network that a run tried; how many there were counts against the "
        "best of them.",
        (_RUNS,),
    ),
    Word(
        "data digest",
        "A fingerprint of the data that a run learned from: the same data have the same one.",
        (_RUNS,),
    ),
    Word(
        "e-process (evidence)",
        "What a stake of 1 has become by betting, stretch by stretch, that the champion loses: "
        "where it is no worse, that reaches 100 in at most one of a hundred cases, however often "
        "one looks.",
        (_WATCH,),
    ),
    Word(
        "drift",
        "Inputs or outcomes are no longer like those that the champion learned from; it begins a "
        "training run and promotes nothing.",
        (_DRIFT,),
    ),
    Word(
        "PSI",
        "Population stability index: how differently an input is spread over ten ranges than "
        "before; 0 is the same, and the bound says from where on chance is no explanation.",
        (_DRIFT,),
    ),
    Word(
        "KS distance",
        "Kolmogorov-Smirnov: the largest gap between how often an input lay below a value before "
        "and of late; 0 is the same, 1 wholly apart.",
        (_DRIFT,),
    ),
    Word(
        "ADWIN",
        "A test that looks for the moment since which a mean is another one; calibration and loss "
        "have drifted where it finds one, for the worse.",
        (_DRIFT,),
    ),
)


def words_of(panel: Panel) -> tuple[Word, ...]:
    """Return the words of one part of the page."""
    return tuple(word for word in GLOSSARY if panel in word.panels)
