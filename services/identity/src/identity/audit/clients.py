"""What the topic of seals says of the logs."""

from common.events import AuditSealed
from common.jobs import Stop
from common.kafka.connection import Kafka
from common.kafka.table import Table


async def sealed(kafka: Kafka, only: str | None) -> dict[str, dict[int, str]]:
    """Partner → place → hash, of all that is in the topic now, or of one partner. Waits for the broker.

    The first word about a place counts: one that says something else later was not ours.
    """
    found: dict[str, dict[int, str]] = {}

    def keep(seal: AuditSealed) -> None:
        if only in (None, seal.partner_id):
            found.setdefault(seal.partner_id, {}).setdefault(seal.sequence, seal.hash)

    end = Stop()
    await Table(AuditSealed, keep, kafka, at_end=end.set).run(end)
    await kafka.stop()
    return found
