"""Settings over HTTP: translate, call one handler, translate back."""

from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import EmailStr

from common.auth import Caller, Permission, requires
from common.errors import Invalid, NotFound, NotSignedIn, PermissionMissing
from common.events import Content, Language
from common.http import errors, provided
from notifications.domain import TooManyEntries, UnknownKind
from notifications.kinds.handlers import BadWords
from notifications.preferences import handlers, suggestions
from notifications.preferences.domain import BadMute, SmsNotAllowed
from notifications.preferences.handlers import Settings
from notifications.preferences.schemas import (
    Digest,
    KindSettings,
    Mute,
    QuietHoursFields,
    SettingsChange,
    SuggestionView,
    WordsFields,
)

SettingsDep = Annotated[Settings, provided(Settings)]
Reader = Annotated[Caller, requires(Permission.NOTIFICATIONS_READ)]
Writer = Annotated[Caller, requires(Permission.NOTIFICATIONS_WRITE)]

router = APIRouter(tags=["settings"])
MOST_TYPED = 100
MOST_SUGGESTIONS = 50
ALWAYS = errors(NotSignedIn, PermissionMissing, Invalid)


@router.get("/settings", responses=ALWAYS)
async def list_settings(caller: Reader, settings: SettingsDep, language: Language = "en") -> list[KindSettings]:
    """Every kind and who receives it: which are still on their default, and where nobody holds the role (A6, A8)."""
    return [KindSettings.of(one, language) for one in await handlers.overview(settings, caller.partner_id)]


@router.get("/settings/{kind}", responses=ALWAYS | errors(UnknownKind))
async def get_settings(kind: str, caller: Reader, settings: SettingsDep, language: Language = "en") -> KindSettings:
    """One kind and who receives it (A6)."""
    return KindSettings.of(await handlers.setting(settings, caller.partner_id, kind), language)


@router.put("/settings/{kind}", responses=ALWAYS | errors(UnknownKind, TooManyEntries, SmsNotAllowed))
async def set_recipients(
    kind: str, change: SettingsChange, caller: Writer, settings: SettingsDep, language: Language = "en"
) -> KindSettings:
    """Say who receives a kind: roles and e-mail addresses, at most ten; repetitions are folded (A6)."""
    entries = [entry.to_domain() for entry in change.recipients]
    return KindSettings.of(await handlers.set_recipients(settings, caller.partner_id, kind, entries), language)


@router.delete("/settings/{kind}", status_code=204, responses=ALWAYS | errors(UnknownKind))
async def reset_recipients(kind: str, caller: Writer, settings: SettingsDep) -> None:
    """Back to the default: the manager receives it (A6)."""
    await handlers.reset_recipients(settings, caller.partner_id, kind)


@router.put("/settings/{kind}/mute", responses=ALWAYS | errors(UnknownKind, BadMute))
async def mute(kind: str, mute: Mute, caller: Writer, settings: SettingsDep, language: Language = "en") -> KindSettings:
    """Tell nobody of a kind until then: what is consumed meanwhile is kept as muted, and never told later (A6)."""
    return KindSettings.of(await handlers.mute(settings, caller.partner_id, kind, mute.until), language)


@router.delete("/settings/{kind}/mute", status_code=204, responses=ALWAYS | errors(UnknownKind))
async def unmute(kind: str, caller: Writer, settings: SettingsDep) -> None:
    """Tell of a kind again, from the next event on (A6)."""
    await handlers.unmute(settings, caller.partner_id, kind)


@router.put("/settings/{kind}/digest", responses=ALWAYS | errors(UnknownKind))
async def set_digest(
    kind: str, digest: Digest, caller: Writer, settings: SettingsDep, language: Language = "en"
) -> KindSettings:
    """At most one e-mail of a kind in so many minutes, with all its events in it (A6)."""
    return KindSettings.of(await handlers.set_digest(settings, caller.partner_id, kind, digest.minutes), language)


@router.delete("/settings/{kind}/digest", status_code=204, responses=ALWAYS | errors(UnknownKind))
async def reset_digest(kind: str, caller: Writer, settings: SettingsDep) -> None:
    """An e-mail for each event again; what is collected leaves now (A6)."""
    await handlers.reset_digest(settings, caller.partner_id, kind)


@router.get("/suggestions", responses=ALWAYS)
async def suggest(
    caller: Reader,
    settings: SettingsDep,
    typed: Annotated[str, Query(alias="q", max_length=MOST_TYPED, description="The beginnings of one or more words.")],
    language: Language = "en",
    limit: Annotated[int, Query(ge=1, le=MOST_SUGGESTIONS)] = 10,
) -> list[SuggestionView]:
    """What can be put among the recipients of a kind, while typing: roles, then known people by name (A6)."""
    found = await suggestions.suggest(settings.notifications.store, caller.partner_id, typed, language, limit)
    return [SuggestionView.of(one) for one in found]


@router.put("/settings/{kind}/words/{language}", responses=ALWAYS | errors(UnknownKind, BadWords))
async def set_words(
    kind: str, language: Language, words: WordsFields, caller: Writer, settings: SettingsDep, dry_run: bool = False
) -> Content:
    """Use an own subject and intro; answers how the kind's example reads then. `dry_run=true` only answers (A6)."""
    return await handlers.set_words(settings, caller.partner_id, kind, language, words.to_domain(), dry_run=dry_run)


@router.delete("/settings/{kind}/words/{language}", status_code=204, responses=ALWAYS | errors(UnknownKind))
async def reset_words(kind: str, language: Language, caller: Writer, settings: SettingsDep) -> None:
    """Back to the kind's own words (A6)."""
    await handlers.reset_words(settings, caller.partner_id, kind, language)


@router.delete(
    "/settings/{kind}/unsubscribed/{address}", status_code=204, responses=ALWAYS | errors(UnknownKind, NotFound)
)
async def subscribe_again(kind: str, address: EmailStr, caller: Writer, settings: SettingsDep) -> None:
    """Send a kind again to an address whose reader unsubscribed from it, because he asked for that (A6)."""
    await handlers.subscribe_again(settings, caller.partner_id, kind, address)


@router.get("/quiet-hours", responses=ALWAYS | errors(NotFound))
async def get_quiet_hours(caller: Reader, settings: SettingsDep) -> QuietHoursFields:
    """When no SMS is sent (A6)."""
    return QuietHoursFields.of(await handlers.quiet_hours(settings, caller.partner_id))


@router.put("/quiet-hours", responses=ALWAYS)
async def set_quiet_hours(hours: QuietHoursFields, caller: Writer, settings: SettingsDep) -> QuietHoursFields:
    """Hold SMS back at night: they leave when the quiet hours end. E-mail is never held back (A6)."""
    await settings.preferences.set_quiet_hours(caller.partner_id, hours.to_domain())
    return hours


@router.delete("/quiet-hours", status_code=204, responses=ALWAYS)
async def reset_quiet_hours(caller: Writer, settings: SettingsDep) -> None:
    """Send SMS at any time (A6)."""
    await settings.preferences.reset_quiet_hours(caller.partner_id)
