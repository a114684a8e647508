"""What a partner sets and sees of a kind: recipients, silence, words; and its quiet hours (A6, A8)."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from common.errors import NotFound, Poison
from common.events import Content, Language, Role
from notifications.digests.storage import Collected
from notifications.directory import Directory
from notifications.domain import ByRole, Entry, LeftOut, Nobody, Why, fold
from notifications.handlers import Notifications, resolve_for
from notifications.kinds.domain import Kind, Words
from notifications.kinds.handlers import BadWords, check_words, sample_content
from notifications.preferences.domain import SmsNotAllowed, checked
from notifications.preferences.storage import Preferences
from notifications.quiet_hours import QuietHours


@dataclass(frozen=True, slots=True)
class Setting:
    """The settings of one kind, and what they mean at this moment."""

    kind: Kind
    entries: tuple[Entry, ...]
    is_default: bool
    unheld_roles: tuple[Role, ...]
    falls_back_to: str | None
    left_out: tuple[LeftOut, ...]
    muted_until: datetime | None
    digest_minutes: int | None
    words: dict[str, Words] = field(default_factory=lambda: {})


@dataclass
class Settings:
    """What the use cases work with."""

    notifications: Notifications
    preferences: Preferences
    collected: Collected

    async def kind(self, kind_id: str) -> Kind:
        """Raises UnknownKind, also for one that is retired."""
        return (await self.notifications.kinds.current()).in_use(kind_id)


async def overview(settings: Settings, partner_id: str) -> list[Setting]:
    """Every kind with who receives it (A6), and who stands in where nobody holds its roles (A8)."""
    return [await _setting(settings, partner_id, kind) for kind in (await settings.notifications.kinds.current()).all()]


async def setting(settings: Settings, partner_id: str, kind_id: str) -> Setting:
    """Raises UnknownKind."""
    return await _setting(settings, partner_id, await settings.kind(kind_id))


async def _setting(settings: Settings, partner_id: str, kind: Kind) -> Setting:
    directory = await settings.notifications.store.directory_of_all_partners(kind, [partner_id])
    entries, own = directory.entries_of(partner_id), directory.of(partner_id)
    held = {role for person in directory.people_of(partner_id) for role in person.roles}
    falls_back_to, left_out = _meaning(directory, partner_id)
    return Setting(
        kind=kind,
        entries=entries,
        is_default=own.entries is None,
        unheld_roles=tuple(one.role for one in entries if isinstance(one, ByRole) and one.role not in held),
        falls_back_to=falls_back_to,
        left_out=left_out,
        muted_until=directory.muted_until(partner_id, datetime.now(UTC)),
        digest_minutes=own.digest_minutes,
        words=dict(own.words),
    )


def _meaning(directory: Directory, partner_id: str) -> tuple[str | None, tuple[LeftOut, ...]]:
    """Who stands in at this moment, None where that is not needed; and who is left out."""
    partner = directory.partners.get(partner_id)
    try:
        if partner is None:
            raise Nobody
        resolution = resolve_for(directory, partner)
    except Nobody:
        return "nobody", ()
    whys = {reason.why for one in resolution.recipients for reason in one.reasons}
    if Why.OWNER_STANDS_IN in whys:
        return "owner", resolution.left_out
    return "manager" if Why.MANAGER_STANDS_IN in whys else None, resolution.left_out


async def set_recipients(settings: Settings, partner_id: str, kind_id: str, entries: Iterable[Entry]) -> Setting:
    """Say who receives a kind, and on which channels (A6). Raises UnknownKind, TooManyEntries, SmsNotAllowed."""
    kind, folded = await settings.kind(kind_id), fold(entries)
    places = [f"recipients/{i}/channels" for i, one in enumerate(folded) if set(one.channels) - set(kind.channels)]
    if places:
        problems = [{"place": place, "problem": f"it is sent by {', '.join(kind.channels)} only"} for place in places]
        raise SmsNotAllowed(f"{kind.id} has no SMS. Leave the channel out.", errors=problems)
    await settings.preferences.set_entries(partner_id, kind.id, folded)
    return await _setting(settings, partner_id, kind)


async def reset_recipients(settings: Settings, partner_id: str, kind_id: str) -> None:
    """Back to the kind's default role. Raises UnknownKind."""
    await settings.preferences.reset_entries(partner_id, (await settings.kind(kind_id)).id)


async def subscribe_again(settings: Settings, partner_id: str, kind_id: str, address: str) -> None:
    """Send a kind again to who unsubscribed from it. Raises UnknownKind, NotFound."""
    if not await settings.preferences.subscribe_again(partner_id, (await settings.kind(kind_id)).id, address):
        raise NotFound("This address has not unsubscribed from this kind.")


async def mute(settings: Settings, partner_id: str, kind_id: str, until: datetime) -> Setting:
    """Tell nobody of this kind until then; after it all goes on by itself. Raises UnknownKind, BadMute."""
    kind = await settings.kind(kind_id)
    await settings.preferences.mute(partner_id, kind.id, checked(until, datetime.now(UTC)))
    return await _setting(settings, partner_id, kind)


async def unmute(settings: Settings, partner_id: str, kind_id: str) -> None:
    """Tell of this kind again. Raises UnknownKind."""
    await settings.preferences.unmute(partner_id, (await settings.kind(kind_id)).id)


async def set_digest(settings: Settings, partner_id: str, kind_id: str, minutes: int) -> Setting:
    """Send at most one e-mail of this kind in so many minutes, with all its events in it (A6). Raises UnknownKind."""
    kind = await settings.kind(kind_id)
    await settings.preferences.set_digest(partner_id, kind.id, minutes)
    return await _setting(settings, partner_id, kind)


async def reset_digest(settings: Settings, partner_id: str, kind_id: str) -> None:
    """An e-mail for each event again; what is collected leaves now (A6). Raises UnknownKind."""
    kind = await settings.kind(kind_id)
    await settings.preferences.reset_digest(partner_id, kind.id)
    await settings.collected.make_due(partner_id, kind.id, datetime.now(UTC))


async def set_words(
    settings: Settings, partner_id: str, kind_id: str, language: Language, words: Words, *, dry_run: bool
) -> Content:
    """Say something else than the kind's own subject and intro; returns how its example reads then (A6).

    Raises UnknownKind, BadWords with the place of what events of this kind do not have.
    """
    kind = await settings.kind(kind_id)
    check_words(kind, words)
    try:
        content, _ = sample_content(kind, kind.language_for({}, language), kind.example, words)
    except Poison as poison:
        problem = {"place": "intro" if words.intro else "subject", "problem": poison.detail}
        raise BadWords("They cannot be filled with the kind's example.", errors=[problem]) from None
    if not dry_run:
        changed = {name: text for name, text in (("subject", words.subject), ("intro", words.intro)) if text}
        await settings.preferences.set_words(partner_id, kind.id, language, changed)
    return content


async def reset_words(settings: Settings, partner_id: str, kind_id: str, language: Language) -> None:
    """Back to the kind's own words. Raises UnknownKind."""
    await settings.preferences.reset_words(partner_id, (await settings.kind(kind_id)).id, language)


async def quiet_hours(settings: Settings, partner_id: str) -> QuietHours:
    """Raises NotFound when there are none."""
    found = await settings.preferences.quiet_hours(partner_id)
    if found is None:
        raise NotFound("No quiet hours are set: an SMS is sent at any time.")
    return found
