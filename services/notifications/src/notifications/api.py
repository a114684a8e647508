"""Notifications over HTTP: translate, call one handler, translate back."""

from typing import Annotated

from fastapi import APIRouter, Query

from common.auth import Caller, Permission, requires
from common.errors import Invalid, NotFound, NotSignedIn, PermissionMissing
from common.events import Language
from common.http import errors, provided
from notifications import overview, suggestions
from notifications.domain import TooManyEntries, UnknownKind
from notifications.handlers import Notifications
from notifications.models import MODELS
from notifications.mutes import BadMute
from notifications.overview import BadSample, NobodyToTell, Setting
from notifications.schemas import (
    DryRun,
    EntryFields,
    EventView,
    KindSettings,
    Mute,
    SampleEvent,
    SettingsChange,
    Source,
    SuggestionView,
)

NotificationsDep = Annotated[Notifications, provided(Notifications)]
Reader = Annotated[Caller, requires(Permission.NOTIFICATIONS_READ)]
Writer = Annotated[Caller, requires(Permission.NOTIFICATIONS_WRITE)]

router = APIRouter(tags=["notifications"])
MOST_TYPED = 100
MOST_SUGGESTIONS = 50
ALWAYS = errors(NotSignedIn, PermissionMissing, Invalid)


@router.get("/settings", responses=ALWAYS)
async def list_settings(
    caller: Reader, notifications: NotificationsDep, language: Language = "en"
) -> list[KindSettings]:
    """Every kind and who receives it: which are still on their default, and where nobody holds the role (A6, A8)."""
    return [_view(one, language) for one in await overview.overview(notifications, caller.partner_id)]


@router.get("/settings/{kind}", responses=ALWAYS | errors(UnknownKind))
async def get_settings(
    kind: str, caller: Reader, notifications: NotificationsDep, language: Language = "en"
) -> KindSettings:
    """One kind and who receives it (A6)."""
    return _view(await overview.setting(notifications, caller.partner_id, kind), language)


@router.put("/settings/{kind}", responses=ALWAYS | errors(UnknownKind, TooManyEntries))
async def set_recipients(
    kind: str, change: SettingsChange, caller: Writer, notifications: NotificationsDep, language: Language = "en"
) -> KindSettings:
    """Say who receives a kind: roles and e-mail addresses, at most ten; repetitions are folded (A6)."""
    entries = [entry.to_domain() for entry in change.recipients]
    return _view(await overview.set_recipients(notifications, caller.partner_id, kind, entries), language)


@router.delete("/settings/{kind}", status_code=204, responses=ALWAYS | errors(UnknownKind))
async def reset_recipients(kind: str, caller: Writer, notifications: NotificationsDep) -> None:
    """Back to the default: the manager receives it (A6)."""
    await overview.reset_recipients(notifications, caller.partner_id, kind)


@router.put("/settings/{kind}/mute", responses=ALWAYS | errors(UnknownKind, BadMute))
async def mute(
    kind: str, mute: Mute, caller: Writer, notifications: NotificationsDep, language: Language = "en"
) -> KindSettings:
    """Tell nobody of a kind until then: what is consumed meanwhile is kept as muted, and never told later (A6)."""
    return _view(await overview.mute(notifications, caller.partner_id, kind, mute.until), language)


@router.delete("/settings/{kind}/mute", status_code=204, responses=ALWAYS | errors(UnknownKind))
async def unmute(kind: str, caller: Writer, notifications: NotificationsDep) -> None:
    """Tell of a kind again, from the next event on (A6)."""
    await overview.unmute(notifications, caller.partner_id, kind)


@router.get("/suggestions", responses=ALWAYS)
async def suggest(
    caller: Reader,
    notifications: NotificationsDep,
    typed: Annotated[str, Query(alias="q", max_length=MOST_TYPED, description="The beginnings of one or more words.")],
    language: Language = "en",
    limit: Annotated[int, Query(ge=1, le=MOST_SUGGESTIONS)] = 10,
) -> list[SuggestionView]:
    """What can be put among the recipients of a kind, while typing: roles, then known people by name (A6)."""
    found = await suggestions.suggest(notifications, caller.partner_id, typed, language, limit)
    return [SuggestionView.of(one) for one in found]


@router.post("/kinds/{kind}/dry-run", responses=ALWAYS | errors(UnknownKind, BadSample, NobodyToTell))
async def dry_run(kind: str, sample: SampleEvent, caller: Reader, notifications: NotificationsDep) -> DryRun:
    """Who would receive an event like this, and why; nothing is sent (A9)."""
    model = MODELS[notifications.kinds.get(kind).id]
    return DryRun.of(await overview.dry_run(notifications, caller.partner_id, model, sample.model_extra or {}))


@router.get("/events", responses=ALWAYS | errors(NotFound))
async def what_became_of(
    caller: Reader,
    notifications: NotificationsDep,
    source: Annotated[Source, Query(description="CloudEvents source")],
    event_id: Annotated[Source, Query(alias="id", description="CloudEvents id")],
) -> EventView:
    """What became of an event: whom it was resolved to and why, or that it waits (A9)."""
    decision = await overview.what_became_of(notifications, caller.partner_id, source, event_id)
    return EventView.of(decision) if decision else EventView(source=source, id=event_id, status="waiting")


def _view(setting: Setting, language: Language) -> KindSettings:
    return KindSettings(
        kind=setting.kind.id,
        name=overview.name_of(setting.kind, language),
        recipients=[EntryFields.of(entry) for entry in setting.entries],
        is_default=setting.is_default,
        unheld_roles=list(setting.unheld_roles),
        falls_back_to=setting.falls_back_to,
        muted_until=setting.muted_until,
    )
