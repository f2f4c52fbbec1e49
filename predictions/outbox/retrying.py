"""When a message that was not delivered is tried again. Read by the outbox."""

import random

DELAYS_SECONDS = (1.0, 3.0, 10.0, 20.0, 40.0, 60.0, 120.0, 240.0, 480.0)
"""After the first try, the second and so on: six or seven tries in a 15m signal's two minutes."""

LONGEST_SECONDS = 600.0


def delay_after(tries: int, draw: random.Random) -> float:
    """Return the seconds to wait after so many tries in vain; up to a fifth less by chance."""
    full = DELAYS_SECONDS[tries - 1] if tries <= len(DELAYS_SECONDS) else LONGEST_SECONDS
    return full * draw.uniform(0.8, 1.0)
