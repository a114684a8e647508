"""What other marketplace systems publish (F2). They own the meaning; we read what we need and ignore the rest."""

from datetime import date, datetime
from typing import Annotated, Any, ClassVar

from pydantic import Field, StringConstraints, model_validator

from common.events.envelope import Event

IDENTIFIER = r"^[A-Za-z0-9._:-]+$"
Identifier = Annotated[str, StringConstraints(min_length=1, max_length=64, pattern=IDENTIFIER)]
NUMBER = r"^[^\x00-\x1f\x7f]+$"
Number = Annotated[str, StringConstraints(min_length=1, max_length=64, pattern=NUMBER)]
Text = Annotated[str, StringConstraints(min_length=1, max_length=500)]
Amount = Annotated[str, StringConstraints(pattern=r"^-?\d{1,15}(\.\d{1,4})?$", max_length=24)]
Currency = Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}$")]

PartnerIdField = Field(description="The partner company that the event is about.")


class AttachmentRef(Event):
    """A file that goes with the mail: one that was uploaded to the outbox before, by its `id`, or one to be fetched."""

    id: Identifier | None = Field(default=None, description="As the upload answered it.")
    url: Annotated[str, StringConstraints(min_length=1, max_length=2_000, pattern=r"^https?://[!-~]+$")] | None = Field(
        default=None, description="Of a host that the operator allows."
    )
    name: Text | None = Field(default=None, description="As recipients see it; null: that of the upload or the URL.")

    @model_validator(mode="after")
    def one_way(self) -> "AttachmentRef":
        if (self.id is None) == (self.url is None):
            raise ValueError("give either `id` or `url`")
        return self


MOST_ATTACHMENTS = 50
Attachments = Annotated[list[AttachmentRef], Field(max_length=MOST_ATTACHMENTS)]


class OrderLine(Event):
    """One line of an order."""

    name: Text
    quantity: int = Field(ge=1, le=1_000_000)


class OrderCreated(Event):
    """A customer ordered from a partner."""

    TOPIC: ClassVar[str] = "order.created"
    EXAMPLES: ClassVar[list[dict[str, Any]]] = [
        {
            "partner_id": "prt_7f3k2m",
            "order_number": "PL-2026-000123",
            "placed_at": "2026-11-23T10:15:00Z",
            "total": "249.90",
            "currency": "PLN",
            "lines": [{"name": "Kettle 1.7 l", "quantity": 2}],
        }
    ]

    partner_id: Identifier = PartnerIdField
    order_number: Number = Field(description="The number people know the order by.")
    placed_at: datetime | None = None
    total: Amount | None = Field(default=None, description="Decimal as text, so that no cent is lost.")
    currency: Currency | None = None
    lines: list[OrderLine] = Field(default_factory=lambda: [], max_length=500)
    attachments: Attachments = Field(default_factory=lambda: [], description="Go with the mail.")

    def key(self) -> str:
        return self.partner_id


class InvoiceIssued(Event):
    """The marketplace issued an invoice to a partner."""

    TOPIC: ClassVar[str] = "invoice.issued"
    EXAMPLES: ClassVar[list[dict[str, Any]]] = [
        {
            "partner_id": "prt_7f3k2m",
            "invoice_number": "FV/2026/11/0042",
            "issued_on": "2026-11-23",
            "due_on": "2026-12-07",
            "total": "1230.00",
            "currency": "PLN",
        }
    ]

    partner_id: Identifier = PartnerIdField
    invoice_number: Number
    order_number: Number | None = Field(default=None, description="The order that it bills, when it is one.")
    issued_on: date | None = None
    due_on: date | None = None
    total: Amount | None = None
    currency: Currency | None = None
    attachments: Attachments = Field(default_factory=lambda: [], description="Go with the mail: the invoice itself.")

    def key(self) -> str:
        return self.partner_id


class CampaignLaunched(Event):
    """A marketing campaign started (A7): told to the named partners, and to those who sell in one of the categories, or
    to everyone."""

    TOPIC: ClassVar[str] = "campaign.launched"
    EXAMPLES: ClassVar[list[dict[str, Any]]] = [
        {
            "campaign_id": "black-friday-2026",
            "name": "Black Friday 2026",
            "partner_ids": ["prt_7f3k2m", "prt_9d1x4q"],
            "starts_on": "2026-11-27",
            "ends_on": "2026-11-30",
        }
    ]

    campaign_id: Identifier
    name: Text
    partner_ids: list[Identifier] = Field(default_factory=lambda: [], max_length=10_000)
    categories: list[Identifier] = Field(
        default_factory=lambda: [], max_length=100, description="Matched with the `categories` of `partner.changed`."
    )
    everyone: bool = False
    starts_on: date | None = None
    ends_on: date | None = None

    @model_validator(mode="after")
    def someone(self) -> "CampaignLaunched":
        if not (self.partner_ids or self.categories or self.everyone):
            raise ValueError("name partner_ids or categories, or say everyone")
        return self

    def key(self) -> str:
        return self.campaign_id
