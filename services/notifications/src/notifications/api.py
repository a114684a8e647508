"""Explanations over HTTP: translate, call one handler, translate back."""

from typing import Annotated

from fastapi import APIRouter, Query

from common.auth import Caller, Permission, requires
from common.dead_letters.handlers import DeadLetters
from common.errors import Invalid, NotFound, NotSignedIn, PermissionMissing
from common.http import errors, provided
from notifications import explaining
from notifications.domain import UnknownKind
from notifications.explaining import BadSample, NobodyToTell
from notifications.handlers import Notifications
from notifications.schemas import DryRun, EventView, SampleEvent, Source

NotificationsDep = Annotated[Notifications, provided(Notifications)]
Reader = Annotated[Caller, requires(Permission.NOTIFICATIONS_READ)]

router = APIRouter(tags=["explanations"])
ALWAYS = errors(NotSignedIn, PermissionMissing, Invalid)


@router.post("/kinds/{kind}/dry-run", responses=ALWAYS | errors(UnknownKind, BadSample, NobodyToTell))
async def dry_run(kind: str, sample: SampleEvent, caller: Reader, notifications: NotificationsDep) -> DryRun:
    """Who would receive an event like this, and why; nothing is sent (A9)."""
    return DryRun.of(await explaining.dry_run(notifications, caller.partner_id, kind, sample.model_extra or {}))


@router.get("/events", responses=ALWAYS | errors(NotFound))
async def what_became_of(
    caller: Reader,
    notifications: NotificationsDep,
    letters: Annotated[DeadLetters, provided(DeadLetters)],
    source: Annotated[Source, Query(description="CloudEvents source")],
    event_id: Annotated[Source, Query(alias="id", description="CloudEvents id")],
) -> EventView:
    """What became of an event: told whom, why, and with what success; or that it waits, or is set aside (A9)."""
    return EventView.of(
        await explaining.what_became_of(notifications, letters.store, caller.partner_id, source, event_id)
    )
