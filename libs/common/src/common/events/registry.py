"""Every topic, in one table: who publishes it, what is in it, and how the broker keeps it."""

from dataclasses import dataclass

from common.events.audit import AuditRecorded, AuditSealed
from common.events.contacts import ContactChanged
from common.events.envelope import Event
from common.events.identity import AccessRevoked, PartnerChanged, SigningKeyChanged
from common.events.marketplace import CampaignLaunched, InvoiceIssued, OrderCreated
from common.events.notifications import MessageRequested
from common.events.outbox import MessageFailed, MessageSent

DAY_MS = 86_400_000
REVOCATIONS_MS = AccessRevoked.KEPT_SECONDS * 1000
DEFAULT_PARTITIONS = 8
FOR_EVER = -1
DEFAULT_RETENTION_MS = 14 * DAY_MS


@dataclass(frozen=True)
class Topic:
    """A topic of ours. `readers` are the services that subscribe: each has a dead-letter topic of its own."""

    model: type[Event]
    publisher: str
    readers: tuple[str, ...]
    partitions: int = DEFAULT_PARTITIONS
    compacted: bool = False
    retention_ms: int = DEFAULT_RETENTION_MS
    """Without meaning for a topic that is compacted and never forgets."""
    whole_ms: int | None = None
    """Of a compacted topic that does forget: each record is kept at least so long, though a newer one came."""
    also_from: tuple[str, ...] = ()
    """Other services that publish to it."""

    def keeping(self) -> dict[str, str | int]:
        """How the broker keeps it, in the broker's words."""
        if not self.compacted:
            return {"cleanup.policy": "delete", "retention.ms": self.retention_ms}
        if self.whole_ms is None:
            return {"cleanup.policy": "compact"}
        whole = {"min.compaction.lag.ms": self.whole_ms, "segment.ms": self.whole_ms // 2}
        return {"cleanup.policy": "compact,delete", "retention.ms": self.retention_ms, **whole}

    @property
    def publishers(self) -> tuple[str, ...]:
        return (self.publisher, *self.also_from)

    @property
    def name(self) -> str:
        return self.model.TOPIC


TOPICS = (
    Topic(OrderCreated, "marketplace", ("notifications",)),
    Topic(InvoiceIssued, "marketplace", ("notifications",)),
    Topic(CampaignLaunched, "marketplace", ("notifications",)),
    Topic(PartnerChanged, "identity", ("notifications", "contacts", "outbox", "identity"), compacted=True),
    Topic(SigningKeyChanged, "identity", (), partitions=1, compacted=True),
    Topic(AccessRevoked, "identity", (), partitions=1, compacted=True, retention_ms=DAY_MS, whole_ms=REVOCATIONS_MS),
    Topic(ContactChanged, "contacts", ("notifications",), compacted=True),
    Topic(MessageRequested, "notifications", ("outbox",), also_from=("identity",)),
    Topic(MessageSent, "outbox", ("notifications", "crm")),
    Topic(MessageFailed, "outbox", ("notifications", "crm", "contacts")),
    Topic(AuditRecorded, "identity", ("identity",), also_from=("contacts", "notifications", "outbox", "crm")),
    Topic(AuditSealed, "identity", (), retention_ms=FOR_EVER),
)


def dead_letter_topic(topic: str, service: str) -> str:
    """Where `service` puts the records of `topic` that it can never process."""
    return f"{topic}.{service}.dlq"
