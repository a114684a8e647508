"""Answers of the routes of the timeline."""

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, Field

from common.mongo import Document


class TimelineEntry(BaseModel):
    """Something that happened: a message, and what came of it."""

    id: str
    at: datetime
    message_id: str
    channel: str
    kind: str
    outcome: Literal["sent", "failed"]
    address: str
    person_id: str | None
    subject: str
    order_number: str | None
    order_numbers: list[str] = Field(description="Of a digest, which is about many orders.")
    possible_duplicate: bool = Field(description="True when the provider may have it twice.")
    provider_reply: str = Field(description="The provider's own words; of a failure, why it refused.")

    @classmethod
    def of(cls, document: Document) -> "TimelineEntry":
        kept = document["order_number"]
        one, many = (None, kept) if isinstance(kept, list) else (kept, [])
        return cls.model_validate(document | {"id": document["_id"], "order_number": one, "order_numbers": many})
