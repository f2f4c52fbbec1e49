"""What each question of the gates asks, in a plain sentence. Read by the gates' cards."""

_CRITERIA = (
    (
        ("R² above every", "log-loss below every"),
        "Its lead over the best simple rule on the same decisions: above 0 it beats all of them.",
    ),
    (
        ("Diebold-Mariano p",),
        "How likely luck alone would give such a lead if both were equally good.",
    ),
    (
        ("SPA p",),
        "How likely luck alone would give the best of all variants tried such a lead.",
    ),
    (
        ("R² gained on the final test", "log-loss gained on the final test"),
        "Its gain in the last stretch of time, which nothing was chosen by: a loss there vetoes.",
    ),
    (
        ("R² gained",),
        "How much more of the price's squared moves it explains than its rival does.",
    ),
    (
        ("log-loss gained",),
        "How much smaller its log-loss is than its rival's, as a share of that: 0.01 is 1 %.",
    ),
    (
        ("better of",),
        "In how many equal stretches of time it was the better one: not in a lucky hour alone.",
    ),
    (
        ("loss in its worst volatility tercile",),
        "How much more wrong than its rival it is where it does worst, in calm, middling or wild "
        "markets; below 0 it is better everywhere.",
    ),
    (
        ("ECE, that of its rival unknown",),
        "How far its probabilities lie from how often things happen.",
    ),
    (
        ("ECE above",),
        "How much further than its rival's its probabilities lie from how often things happen; "
        "below 0 they lie nearer.",
    ),
    (
        ("coverage of",),
        "The share of outcomes inside its interval, which is to hold 90 % of them.",
    ),
    (
        ("leak alarms",),
        "How many of its figures are too good to be true, so that it may have seen the future.",
    ),
)


def criterion_meaning(name: str) -> str | None:
    """Return what a gate's question asks, by its name; None where nobody here asks it.

    Manifests and old rows may come from anywhere.
    """
    for beginnings, meaning in _CRITERIA:
        if name.startswith(beginnings):
            return meaning
    return None
