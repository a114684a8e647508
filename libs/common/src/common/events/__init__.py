"""The contracts: one module per publisher, and the table of topics in `registry`."""

from common.events.audit import AuditRecorded, AuditSealed
from common.events.contacts import ContactChanged, Role
from common.events.envelope import (
    ONLY_FOR,
    Event,
    Outgoing,
    Received,
    State,
    encode,
    encode_open,
    encode_trusted,
    open_event,
    tombstone,
)
from common.events.identity import AccessRevoked, Language, PartnerChanged, SigningKeyChanged
from common.events.marketplace import AttachmentRef, CampaignLaunched, InvoiceIssued, OrderCreated
from common.events.notifications import (
    Channel,
    Content,
    Escalation,
    EventRef,
    MessageChannel,
    MessageRequested,
    Recipient,
)
from common.events.outbox import RECIPIENT_REFUSED, MessageFailed, MessageSent

__all__ = [
    "ONLY_FOR",
    "RECIPIENT_REFUSED",
    "AccessRevoked",
    "AttachmentRef",
    "AuditRecorded",
    "AuditSealed",
    "CampaignLaunched",
    "Channel",
    "ContactChanged",
    "Content",
    "Escalation",
    "Event",
    "EventRef",
    "InvoiceIssued",
    "Language",
    "MessageChannel",
    "MessageFailed",
    "MessageRequested",
    "MessageSent",
    "OrderCreated",
    "Outgoing",
    "PartnerChanged",
    "Received",
    "Recipient",
    "Role",
    "SigningKeyChanged",
    "State",
    "encode",
    "encode_open",
    "encode_trusted",
    "open_event",
    "tombstone",
]
