"""The settings as people see and try them: overview, dry run, what became of an event (A6, A8, A9)."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from pydantic import ValidationError

from common.errors import Invalid, NotFound
from common.events import CampaignLaunched, Content, Event, Language, Role
from notifications import mutes
from notifications.domain import (
    MANAGER,
    Addressed,
    ByRole,
    Decision,
    Entry,
    Nobody,
    Recipient,
    fold,
    resolve,
)
from notifications.handlers import Notifications
from notifications.kinds import Kind


class BadSample(Invalid):
    """The sample is not what events of this kind look like."""

    code, title = "bad-sample", "The sample event breaks the kind's contract"


class NobodyToTell(NotFound):
    """The partner has neither people nor a known owner yet."""

    status, code, title = 409, "nobody-to-tell", "Nobody could be told of this"


@dataclass(frozen=True, slots=True)
class Setting:
    """The settings of one kind, and what they mean at this moment."""

    kind: Kind
    entries: tuple[Entry, ...]
    is_default: bool
    unheld_roles: tuple[Role, ...]
    falls_back_to: str | None
    muted_until: datetime | None


async def overview(notifications: Notifications, partner_id: str) -> list[Setting]:
    """Every kind with who receives it (A6), and who stands in where nobody holds its roles (A8)."""
    return [await setting(notifications, partner_id, kind.id) for kind in notifications.kinds.all()]


async def setting(notifications: Notifications, partner_id: str, kind_id: str) -> Setting:
    """Raises UnknownKind."""
    kind = notifications.kinds.get(kind_id)
    directory = await notifications.store.directory_of_all_partners(kind_id, [partner_id])
    own = directory.entries.get(partner_id)
    entries = own or directory.entries_of(partner_id)
    held = {role for person in directory.people_of(partner_id) for role in person.roles}
    listed: list[Role] = [entry.role for entry in entries if isinstance(entry, ByRole)]
    unheld: tuple[Role, ...] = tuple(role for role in listed if role not in held)
    partner = directory.partners.get(partner_id)
    owner = "owner" if partner and partner.owner_email else "nobody"
    all_unheld = len(unheld) == len(entries)
    stand_in = ("manager" if MANAGER in held else owner) if all_unheld else None
    muted_until = directory.muted_until(partner_id, datetime.now(UTC))
    return Setting(kind, entries, own is None, unheld, stand_in, muted_until)


async def set_recipients(
    notifications: Notifications, partner_id: str, kind_id: str, entries: Iterable[Entry]
) -> Setting:
    """Say who receives a kind (A6). Raises UnknownKind, TooManyEntries."""
    notifications.kinds.get(kind_id)
    await notifications.store.set_entries(partner_id, kind_id, fold(entries))
    return await setting(notifications, partner_id, kind_id)


async def reset_recipients(notifications: Notifications, partner_id: str, kind_id: str) -> None:
    """Back to the default: the manager. Raises UnknownKind."""
    notifications.kinds.get(kind_id)
    await notifications.store.reset_entries(partner_id, kind_id)


async def mute(notifications: Notifications, partner_id: str, kind_id: str, until: datetime) -> Setting:
    """Tell nobody of this kind until then; after it all goes on by itself. Raises UnknownKind, BadMute."""
    notifications.kinds.get(kind_id)
    await notifications.store.mute(partner_id, kind_id, mutes.checked(until, datetime.now(UTC)))
    return await setting(notifications, partner_id, kind_id)


async def unmute(notifications: Notifications, partner_id: str, kind_id: str) -> None:
    """Tell of this kind again. Raises UnknownKind."""
    notifications.kinds.get(kind_id)
    await notifications.store.unmute(partner_id, kind_id)


@dataclass(frozen=True, slots=True)
class Trial:
    """Who would receive an event, what the first would read, and until when the kind is muted and nobody does."""

    recipients: list[Recipient]
    content: Content
    muted_until: datetime | None


async def dry_run(notifications: Notifications, partner_id: str, model: type[Event], sample: dict[str, Any]) -> Trial:
    """Who would receive an event like `sample`, why, and what the first would read (A9).

    Raises BadSample with the places that break the contract, NobodyToTell.
    """
    kind = notifications.kinds.get(model.TOPIC)
    own = {"partner_ids": [partner_id]} if model is CampaignLaunched else {"partner_id": partner_id}
    try:
        data = model.model_validate_json(json.dumps({**sample, **own})).model_dump(mode="json")
    except ValidationError as error:
        places = [{"place": "/".join(map(str, one["loc"])), "problem": one["msg"]} for one in error.errors()]
        raise BadSample("Some fields of the sample break a rule; `errors` lists each.", errors=places) from None
    directory = await notifications.store.directory_of_all_partners(kind.id, [partner_id])
    partner = directory.partners.get(partner_id)
    try:
        if partner is None:
            raise Nobody
        recipients = resolve(directory.entries_of(partner_id), directory.people_of(partner_id), partner)
    except Nobody:
        raise NobodyToTell("Add a contact person with a role, or the owner's e-mail.") from None
    first = recipients[0]
    to = Addressed("dry-run", first.address, first.name, first.person_id, ())
    content = kind.render(partner.language, data=data, partner=partner, recipient=to)
    return Trial(recipients, content, directory.muted_until(partner_id, datetime.now(UTC)))


async def what_became_of(notifications: Notifications, partner_id: str, source: str, event_id: str) -> Decision | None:
    """The decision about an event, None while it waits (A9). Raises NotFound when it is not known here."""
    decisions = await notifications.store.decisions_about(partner_id, source, event_id)
    if decisions:
        return decisions[0]
    if not await notifications.store.is_waiting(partner_id, source, event_id):
        raise NotFound("No event of this source and id has been consumed for your company.")
    return None


def name_of(kind: Kind, language: Language) -> str:
    return kind.names.get(language) or kind.names["en"]
