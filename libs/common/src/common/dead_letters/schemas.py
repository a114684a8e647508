"""Requests and answers about dead letters."""

from datetime import datetime
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from common.dead_letters.domain import LetterStatus
from common.mongo import Document

Note = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=1_000)]


class DeadLetterView(BaseModel):
    """A record that could not be processed, without its contents."""

    id: str
    status: LetterStatus
    topic: str = Field(description="Where it was published, and is published again by a replay.")
    reason: str = Field(description="A stable code, for instance `not_json` or `unknown_partner`.")
    detail: str
    at: datetime = Field(description="When it was set aside.")
    partition: int = Field(description="Where it was in the topic; -1 when the service had kept the event itself.")
    offset: int
    key: str
    source: str | None = Field(description="CloudEvents source, where it can be read; so with id and type.")
    event_id: str | None
    event_type: str | None
    bytes: int = Field(description="Size of the value.")
    closed_at: datetime | None = Field(default=None, description="When it was replayed or discarded.")
    closed_by: str | None = Field(default=None, description="The id of who did it.")
    note: str | None = Field(default=None, description="Why it was discarded.")

    @classmethod
    def of(cls, document: Document) -> "DeadLetterView":
        return cls.model_validate(_fields(document))


class RecordHeader(BaseModel):
    """A header of the record, as text."""

    name: str
    value: str | None


class DeadLetterDetail(DeadLetterView):
    """The same with the record, as its publisher wrote it."""

    headers: list[RecordHeader]
    value: str | None = Field(description="As text; bytes that are none are replaced. A replay publishes the bytes.")

    @classmethod
    def of(cls, document: Document) -> "DeadLetterDetail":
        record = document["record"]
        headers = [{"name": one["name"], "value": _text(one["value"])} for one in record["headers"]]
        return cls.model_validate(_fields(document) | {"headers": headers, "value": _text(record["value"])})


class OpenCount(BaseModel):
    """How many are open, of a topic and a reason."""

    topic: str
    reason: str
    count: int


class WhichLetters(BaseModel):
    """Which ones to replay: the open ones of a reason, of one topic or of all."""

    model_config = ConfigDict(extra="forbid")

    reason: str = Field(min_length=1, max_length=500)
    topic: str | None = Field(default=None, min_length=1, max_length=249)


class Replayed(BaseModel):
    """What came of a replay of many."""

    replayed: int = Field(description="How many were published again.")


class Discard(BaseModel):
    """Why a dead letter is not worth a replay."""

    model_config = ConfigDict(extra="forbid")

    note: Note


def _fields(document: Document) -> dict[str, Any]:
    return document | {"id": document["_id"]}


def _text(raw: bytes | None) -> str | None:
    return raw.decode(errors="replace") if raw is not None else None
