"""When the forecast process collects garbage: between ticks, never in the middle of one."""

import gc

FULL_COLLECTION_EVERY_TICKS = 150
"""Young objects are looked through after every tick, all of them once in five minutes."""


def settle_garbage_collection() -> None:
    """Take collecting over from the interpreter."""
    # What start-up made stays; the collector must not walk it in the middle of a tick.
    gc.collect()
    gc.freeze()
    gc.disable()


def collect_after_tick(tick_count: int) -> None:
    """Collect what a tick left behind. tick_count: of this process, with the one that ended."""
    gc.collect(0 if tick_count % FULL_COLLECTION_EVERY_TICKS else 2)
