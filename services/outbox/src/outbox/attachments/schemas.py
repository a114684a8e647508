"""Attachments as they are shown."""

from typing import Any

from pydantic import BaseModel, Field

from common.mongo import Document
from outbox.attachments.domain import Attachment


class UploadedView(BaseModel):
    """An attachment that is kept; events name it by `id`."""

    id: str = Field(description="The SHA-256 of its bytes: the same bytes are the same attachment.")
    name: str = Field(description="As recipients see it.")
    type: str
    size: int = Field(description="In bytes.")

    @classmethod
    def of(cls, attachment: Attachment) -> "UploadedView":
        return cls(id=attachment.id, name=attachment.name, type=attachment.type, size=attachment.size)


class AttachmentView(BaseModel):
    """An attachment of a message."""

    name: str
    type: str | None = Field(description="null: it was not fetched yet, or is not there")
    size: int | None = Field(description="In bytes; null as for `type`.")

    @classmethod
    def all_of(cls, message: Document) -> "list[AttachmentView]":
        return [cls(**_fields(one)) for one in message.get("attachments", [])]


def _fields(one: Document) -> dict[str, Any]:
    return {"name": one["name"] or one.get("id", ""), "type": one.get("type"), "size": one.get("size")}
