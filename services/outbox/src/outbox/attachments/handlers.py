"""The use cases of attachments (B12)."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from hashlib import sha256

from pymongo.errors import PyMongoError

from common.events import AttachmentRef
from common.logs import logger
from common.mongo import Document
from outbox.attachments.domain import (
    Attachment,
    AttachmentTooLarge,
    AttachmentTypeRefused,
    AttachmentUnknown,
    Limits,
    NameNeeded,
    UploadTooSlow,
    file_name,
)
from outbox.attachments.fetching import Fetcher, NotFetched
from outbox.attachments.storage import CHUNK_BYTES, Files
from outbox.domain import Answer, MessageUnknown, Outcome
from outbox.mime import Enclosed, Incomplete

log = logger(__name__)

AT_ONCE = 100


@dataclass
class Attachments:
    """What the use cases work with. `kept_for`: what no message has is kept so long after it was last wanted."""

    files: Files
    fetcher: Fetcher
    limits: Limits
    kept_for: timedelta


async def upload(
    attachments: Attachments, partner_id: str, name: str, content_type: str, content: AsyncIterator[bytes]
) -> Attachment:
    """Keep a file that messages may name by its id; whole or not at all.

    Raises NameNeeded, AttachmentTypeRefused, AttachmentTooLarge, UploadTooSlow.
    """
    if not name.strip():
        raise NameNeeded("Send `name`, for example `invoice.pdf`.")
    media_type = attachments.limits.type_of(content_type)
    try:
        async with asyncio.timeout(attachments.limits.seconds):
            return await keep(attachments, partner_id, name, media_type, content)
    except TimeoutError:
        raise UploadTooSlow(f"Send it within {attachments.limits.seconds:g} seconds.") from None


async def keep(
    attachments: Attachments, partner_id: str, name: str, media_type: str, content: AsyncIterator[bytes]
) -> Attachment:
    """Keep the bytes of `content` as they come; at most a chunk of them is in memory. Raises AttachmentTooLarge."""
    files, digest, size = attachments.files, sha256(), 0
    file_id = await files.begin(partner_id, datetime.now(UTC))
    may_be_seen = False
    try:
        n = 0
        async for chunk in _chunks(content):
            size += len(chunk)
            check_size(attachments.limits, size)
            digest.update(chunk)
            await files.add(partner_id, file_id, n, chunk)
            n += 1
        made = Attachment(digest.hexdigest(), file_name(name, media_type), media_type, size)
        may_be_seen = True  # also if its write gets no answer: then `tidy_up` finds out
        await files.reveal(partner_id, file_id, made, datetime.now(UTC))
        return made
    finally:
        if not may_be_seen:
            with suppress(PyMongoError):  # then `tidy_up` finds it
                await files.drop(partner_id, file_id)


def check_size(limits: Limits, size: int) -> None:
    """Raises AttachmentTooLarge."""
    if size > limits.most_bytes:
        raise AttachmentTooLarge(f"An attachment may have {limits.most_bytes} bytes.", most_bytes=limits.most_bytes)


async def _chunks(content: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """`content` cut into CHUNK_BYTES."""
    waiting = bytearray()
    async for part in content:
        waiting += part
        while len(waiting) >= CHUNK_BYTES:
            yield bytes(waiting[:CHUNK_BYTES])
            del waiting[:CHUNK_BYTES]
    if waiting:
        yield bytes(waiting)


async def for_message(attachments: Attachments, partner_id: str, wanted: Sequence[AttachmentRef]) -> list[Document]:
    """What a requested message has, as it stands in its document; what is not there yet, or at all, has no size."""
    ids = [one.id for one in wanted if one.id]
    known = await attachments.files.want(partner_id, ids, datetime.now(UTC)) if ids else {}
    return [_in_message(one, known.get(one.id or "")) for one in wanted]


def _in_message(wanted: AttachmentRef, known: Attachment | None) -> Document:
    if known is not None:
        name = file_name(wanted.name, known.type) if wanted.name else known.name
        return {"id": known.id, "name": name, "type": known.type, "size": known.size}
    return {**({"url": wanted.url} if wanted.url else {"id": wanted.id}), "name": wanted.name or ""}


async def prepare(attachments: Attachments, message: Document) -> Answer | None:
    """Get what the attachments of a claimed message lack; the answer is why it cannot be sent, or not now.

    One that was not there when the message came in is looked for again: it may have been uploaded since (B4).
    """
    wanted: list[Document] = message["attachments"]
    fault: str | None = None
    if any("size" not in one for one in wanted) and (fault := attachments.limits.count_fault(wanted)) is None:
        try:
            for number, one in enumerate(wanted):
                if "size" not in one:
                    wanted[number] = await _got(attachments, message["partner_id"], one)
        except NotFetched as error:
            return Answer(Outcome.MESSAGE_REFUSED if error.is_final else Outcome.TRY_AGAIN, reply=error.words)
        finally:
            await attachments.files.note(message["partner_id"], message["_id"], wanted)
    fault = fault or attachments.limits.fault_of(wanted)
    return Answer(Outcome.MESSAGE_REFUSED, reply=fault) if fault else None


async def _got(attachments: Attachments, partner_id: str, one: Document) -> Document:
    """Raises NotFetched."""
    if "url" in one:
        kept = await _fetch(attachments, partner_id, one["url"], one["name"])
        return {"url": one["url"], "id": kept.id, "name": kept.name, "type": kept.type, "size": kept.size}
    [looked_for] = await for_message(attachments, partner_id, [AttachmentRef(id=one["id"], name=one["name"] or None)])
    return looked_for


async def _fetch(attachments: Attachments, partner_id: str, url: str, name: str) -> Attachment:
    limits = attachments.limits
    try:
        async with asyncio.timeout(limits.seconds), attachments.fetcher.open(url) as found:
            media_type = limits.type_of(found.content_type)
            return await keep(attachments, partner_id, name or found.name, media_type, found.content)
    except (AttachmentTypeRefused, AttachmentTooLarge) as problem:
        raise NotFetched(f"{problem.title}. {problem.detail}", is_final=True) from None
    except TimeoutError:
        raise NotFetched(f"an attachment did not arrive within {limits.seconds:g} seconds", is_final=False) from None


def enclosed(attachments: Attachments, message: Document) -> tuple[Enclosed, ...]:
    """The attachments of a prepared message, for its mail."""
    read = partial(_read_for_mail, attachments, message["partner_id"])
    return tuple(
        Enclosed(one["name"], one["type"], one["size"], partial(read, one["id"])) for one in message["attachments"]
    )


async def _read_for_mail(attachments: Attachments, partner_id: str, attachment_id: str) -> AsyncIterator[bytes]:
    """Raises Incomplete when the database is away: the mail has no end then, so nobody can have taken it."""
    try:
        async for chunk in attachments.files.read(partner_id, attachment_id):
            yield chunk
    except PyMongoError:
        raise Incomplete from None


async def open_one(attachments: Attachments, partner_id: str, message_id: str, number: int) -> Attachment:
    """The `number`th attachment of a message, from 1. Raises MessageUnknown, AttachmentUnknown."""
    there = await attachments.files.of_message(partner_id, message_id)
    if there is None:
        raise MessageUnknown("There is no such message.")
    if not 1 <= number <= len(there) or "size" not in there[number - 1]:
        raise AttachmentUnknown("The message has no such attachment.")
    return Attachment(**{name: there[number - 1][name] for name in ("id", "name", "type", "size")})


async def tidy_up(attachments: Attachments) -> None:
    """Delete what no message has any more, or ever had, and what crashes left behind.

    A file that is wanted says so before its message is kept; so one that was not wanted for a while, and that no
    message has, is deleted only if it still says the same.
    """
    files, now = attachments.files, datetime.now(UTC)
    forgotten = 0
    while found := await files.unwanted_of_all_partners(now - attachments.kept_for, AT_ONCE):
        for file in found:
            if await files.is_referred_to(file):
                await files.still_want(file, now)
            else:
                forgotten += await files.forget(file, now)
    begun_before = now - timedelta(seconds=2 * attachments.limits.seconds)
    while left := await files.left_behind_of_all_partners(begun_before, AT_ONCE):
        for one in left:
            await files.tidy(one)
    if forgotten:
        log.info("attachments_forgotten", count=forgotten)
