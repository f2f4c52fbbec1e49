"""The grid of cells: which one an event belongs to. Read by every feed."""

from market.hot.vector import CELL_MS, CELL_PHASE_MS


def cell_end_ms(recv_ns: int) -> int:
    """Return the end of the cell that an event of this receive time belongs to."""
    past_phase = -(-recv_ns // 1_000_000) - CELL_PHASE_MS
    return -(-past_phase // CELL_MS) * CELL_MS + CELL_PHASE_MS
