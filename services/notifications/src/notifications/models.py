"""The contract of each kind's event."""

from common.events import CampaignLaunched, Event, InvoiceIssued, OrderCreated

MODELS: dict[str, type[Event]] = {model.TOPIC: model for model in (OrderCreated, InvoiceIssued, CampaignLaunched)}
