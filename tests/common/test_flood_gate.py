"""When a publisher broke its contract, reading stops before the whole topic is in the dead letters (F6)."""

from itertools import count

from common.kafka.dead_letters import FloodGate


def test_up_to_the_limit_is_no_flood() -> None:
    """F6: the limit itself is allowed; one more is not."""
    gate = FloodGate(3)
    gate.count(3)
    assert not gate.is_flooded
    gate.count(1)
    assert gate.is_flooded


def test_a_flood_counts_over_batches() -> None:
    """F6."""
    gate = FloodGate(3)
    for _ in range(4):
        gate.count(1)
    assert gate.is_flooded


def test_a_trickle_never_becomes_a_flood() -> None:
    """F6: only the last minute counts. The clock goes on by 20.1 seconds with each look."""
    looks = count()
    gate = FloodGate(3, clock=lambda: next(looks) * 20.1)
    for _ in range(100):
        gate.count(1)
        assert not gate.is_flooded
