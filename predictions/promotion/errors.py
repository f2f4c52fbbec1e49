"""Why what was asked of a slot is not done. The text names the slot, and what is allowed."""


class StandingError(ValueError):
    """Not as things stand; whoever asked is told why."""


class FrozenError(StandingError):
    """A person froze the slot, and no person asks. The caller leaves it at that."""


class NothingBeforeError(StandingError):
    """There is no earlier version to go back to."""


class OtherServesError(StandingError):
    """What the caller means serves no more."""


class PinnedError(StandingError):
    """The configuration names a network that serves whatever is promoted."""
