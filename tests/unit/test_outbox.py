"""The bounded queue of one socket."""

import pytest

from dashboard.outbox import KEPT_OUTCOMES, MAX_WAITING, OUTCOME_SLOT, Frame, Outbox
from tests.unit.outboxes import taken


def tick(seq: int) -> Frame:
    return Frame("tick", f"tick {seq}", seq)


def test_outbox_client_that_keeps_up_gets_every_frame_in_order() -> None:
    outbox = Outbox()
    outbox.offer(tick(1))
    outbox.offer(Frame("health", "health"))
    outbox.offer(tick(2))
    assert taken(outbox) == ["tick 1", "health", "tick 2"]
    assert taken(outbox) == []


def test_outbox_client_without_acknowledgements_is_never_held() -> None:
    outbox = Outbox()
    for seq in range(10):
        outbox.offer(tick(seq))
        assert taken(outbox) == [f"tick {seq}"]


def test_outbox_two_unacknowledged_hold_back_all_but_the_newest_state() -> None:
    outbox = acknowledging_outbox()
    for seq in (2, 3, 4, 5):
        outbox.offer(tick(seq))
        outbox.offer(Frame("health", f"health {seq}"))
    assert taken(outbox) == ["tick 2", "health 2", "tick 3"]
    outbox.offer(tick(6))
    assert taken(outbox) == []
    assert len(outbox) == 2
    outbox.acknowledge(3)
    assert taken(outbox) == ["health 5", "tick 6"]


def test_outbox_late_acknowledgement_of_one_lets_one_more_through() -> None:
    outbox = acknowledging_outbox()
    for seq in (2, 3):
        outbox.offer(tick(seq))
    taken(outbox)
    outbox.offer(tick(4))
    outbox.acknowledge(2)
    assert taken(outbox) == ["tick 4"]
    assert outbox.held


def test_outbox_held_keeps_only_the_newest_outcomes() -> None:
    outbox = acknowledging_outbox()
    for seq in (2, 3):
        outbox.offer(tick(seq))
    taken(outbox)
    for number in range(20):
        outbox.offer(Frame(OUTCOME_SLOT, f"outcome {number}"))
    outbox.acknowledge(3)
    assert taken(outbox) == [f"outcome {number}" for number in range(20 - KEPT_OUTCOMES, 20)]


def test_outbox_server_that_does_not_drain_keeps_it_bounded() -> None:
    outbox = Outbox()
    for seq in range(10 * MAX_WAITING):
        outbox.offer(tick(seq))
    assert len(outbox) <= MAX_WAITING
    assert taken(outbox)[-1] == f"tick {10 * MAX_WAITING - 1}"
    assert outbox.replaced > 0


def test_outbox_acknowledgement_of_what_was_never_sent_is_refused() -> None:
    outbox = Outbox()
    outbox.offer(tick(7))
    taken(outbox)
    with pytest.raises(ValueError, match="seq 8 was not sent"):
        outbox.acknowledge(8)


def test_outbox_reset_forgets_what_was_unacknowledged() -> None:
    outbox = acknowledging_outbox()
    for seq in (2, 3):
        outbox.offer(tick(seq))
    taken(outbox)
    outbox.reset()
    outbox.offer(tick(4))
    assert taken(outbox) == ["tick 4"]


def acknowledging_outbox() -> Outbox:
    outbox = Outbox()
    outbox.offer(tick(1))
    taken(outbox)
    outbox.acknowledge(1)
    return outbox
