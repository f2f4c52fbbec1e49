"""How seldom a process of many short-lived objects looks for garbage.

Read by the commands that run the market and the recorder. What they make in a step they drop
again, without cycles; to look for some walks all that the process holds, and holds everybody up.
"""

import gc

OBJECTS_A_COLLECTION = 50_000
"""A step makes some ten thousand tuples and drops them again: no garbage to look for."""


def collect_seldom() -> None:
    """Leave what start-up made alone, and look for garbage once much has been left over."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(OBJECTS_A_COLLECTION, 20, 100)
