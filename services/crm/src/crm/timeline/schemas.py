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
    possible_duplicate: bool = Field(description="True when the provider may have it twice.")
    provider_reply: str = Field(description="The provider's own words; of a failure, why it refused.")

    @classmethod
    def of(cls, document: Document) -> "TimelineEntry":
        return cls.model_validate(document | {"id": document["_id"]})
