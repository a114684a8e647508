"""The dead letters of a service over HTTP, the same in every service, for staff: what cannot be read has no partner."""

from typing import Annotated

from fastapi import APIRouter, Query

from common.auth import Caller, Permission, requires
from common.dead_letters import handlers
from common.dead_letters.domain import BeingReplayed, DeadLetterUnknown, LetterStatus, WasDiscarded, WasReplayed
from common.dead_letters.handlers import DeadLetters
from common.dead_letters.schemas import DeadLetterDetail, DeadLetterView, Discard, OpenCount, Replayed, WhichLetters
from common.dead_letters.storage import Filter
from common.errors import Invalid, NotSignedIn, PermissionMissing
from common.http import Cursor, Limit, Page, errors, page_of, provided, time_position

DeadLettersDep = Annotated[DeadLetters, provided(DeadLetters)]
Reader = Annotated[Caller, requires(Permission.DEAD_LETTERS_READ)]
Writer = Annotated[Caller, requires(Permission.DEAD_LETTERS_WRITE)]
Code = Annotated[str | None, Query(min_length=1, max_length=500)]

router = APIRouter(prefix="/dead-letters", tags=["dead letters"])
ALWAYS = errors(NotSignedIn, PermissionMissing, Invalid)


@router.get("", responses=ALWAYS)
async def list_dead_letters(
    _: Reader, letters: DeadLettersDep, topic: Code = None, reason: Code = None,
    status: LetterStatus = LetterStatus.OPEN, total: bool = False, limit: Limit = 50, cursor: Cursor = None,
) -> Page[DeadLetterView]:  # fmt: skip
    """Staff: records that this service could not process, newest first, without their contents (F6)."""
    chosen = Filter(topic, reason, status)
    found = await letters.store.page(chosen, time_position(cursor), limit + 1)
    count = await letters.store.count(chosen) if total else None
    return page_of(found, limit, DeadLetterView.of, lambda one: [one["at"].isoformat(), one["_id"]], count)


@router.get("/counts", responses=ALWAYS)
async def count_dead_letters(_: Reader, letters: DeadLettersDep) -> list[OpenCount]:
    """Staff: how many are open, by topic and reason (F6)."""
    found = await letters.store.open_by_topic_and_reason()
    return [OpenCount(topic=topic, reason=reason, count=count) for topic, reason, count in found]


@router.get("/{letter_id}", responses=ALWAYS | errors(DeadLetterUnknown))
async def get_dead_letter(letter_id: str, _: Reader, letters: DeadLettersDep) -> DeadLetterDetail:
    """Staff: one with headers and value, as its publisher wrote it (F6)."""
    return DeadLetterDetail.of(await handlers.show(letters, letter_id))


@router.post("/replay", responses=ALWAYS)
async def replay_dead_letters(which: WhichLetters, caller: Writer, letters: DeadLettersDep) -> Replayed:
    """Staff: publish every open one of a reason to its topic again, the oldest first (F6).

    What fails again meanwhile is a new dead letter, and is left for another call.
    """
    count = await handlers.replay_all(letters, which.topic, which.reason, caller.user_id)
    return Replayed(replayed=count)


@router.post("/{letter_id}/replay", responses=ALWAYS | errors(DeadLetterUnknown, WasDiscarded, BeingReplayed))
async def replay_dead_letter(letter_id: str, caller: Writer, letters: DeadLettersDep) -> DeadLetterView:
    """Staff: publish it to its topic again, once its cause is mended (F6). One that was replayed stays as it is."""
    return DeadLetterView.of(await handlers.replay(letters, letter_id, caller.user_id))


@router.post("/{letter_id}/discard", responses=ALWAYS | errors(DeadLetterUnknown, WasReplayed, BeingReplayed))
async def discard_dead_letter(
    letter_id: str, reasons: Discard, caller: Writer, letters: DeadLettersDep
) -> DeadLetterView:
    """Staff: close it without a replay, and say why (F6). One that was discarded keeps its first note."""
    return DeadLetterView.of(await handlers.discard(letters, letter_id, caller.user_id, reasons.note))
