"""Answers of the routes of the timeline."""

from datetime import datetime

from pydantic import BaseModel

from common.mongo import Document


class TimelineEntry(BaseModel):
    """Something that happened: a message, and what came of it."""

    id: str
    at: datetime
    message_id: str
    channel: str
    kind: str
    outcome: str
    address: str
    subject: str
    order_number: str | None
    possible_duplicate: bool
    provider_reply: str

    @classmethod
    def of(cls, document: Document) -> "TimelineEntry":
        return cls.model_validate(document | {"id": document["_id"]})
