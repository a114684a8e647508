"""Who would receive an event, and what became of one (A9)."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from pydantic import ValidationError
from pydantic_core import to_json

from common.errors import Invalid, NotFound, Poison
from common.events import Content
from notifications.directory import Directory
from notifications.domain import Decision, Nobody, Occurrence, Partner, Resolution, address_messages
from notifications.handlers import Notifications, resolve_for
from notifications.kinds.domain import Kind
from notifications.kinds.handlers import CONTRACTS
from notifications.messages import render


class BadSample(Invalid):
    """The sample is not what events of this kind look like."""

    code, title = "bad-sample", "The sample event breaks the kind's contract"


class NobodyToTell(NotFound):
    """The partner has neither people nor a known owner yet."""

    status, code, title = 409, "nobody-to-tell", "Nobody could be told of this"


@dataclass(frozen=True, slots=True)
class Trial:
    """Who would receive an event, what the first would read, and until when the kind is muted and nobody does."""

    resolution: Resolution
    content: Content | None
    muted_until: datetime | None


async def dry_run(notifications: Notifications, partner_id: str, kind_id: str, sample: dict[str, Any]) -> Trial:
    """Who would receive an event like `sample`, why, and what the first would read (A9).

    Raises UnknownKind, BadSample with the places that break the contract, NobodyToTell.
    """
    kind = (await notifications.kinds.current()).in_use(kind_id)
    data = _checked(kind, partner_id, sample)
    directory = await notifications.store.directory_of_all_partners(kind, [partner_id])
    partner = directory.partners.get(partner_id)
    try:
        if partner is None:
            raise Nobody
        resolution = resolve_for(directory, partner)
    except Nobody:
        raise NobodyToTell("Add a contact person with a role, or the owner's e-mail.") from None
    now = datetime.now(UTC)
    about = Occurrence("dry-run", "/dry-run", "dry-run", now, kind.id, partner_id, data)
    return Trial(resolution, _first(directory, about, partner, resolution), directory.muted_until(partner_id, now))


def _first(directory: Directory, about: Occurrence, partner: Partner, resolution: Resolution) -> Content | None:
    to = address_messages(about.id, resolution.recipients[:1])
    if not to:
        return None
    try:
        return render(directory, Decision(about, to, about.time), to[0])
    except Poison as poison:
        raise BadSample(f"It cannot be put into words: {poison.detail or poison.reason}.") from None


def _checked(kind: Kind, partner_id: str, sample: dict[str, Any]) -> dict[str, Any]:
    """The sample as the event would be read; it is always about the caller's own partner. Raises BadSample."""
    try:
        data = kind.audience.only(sample, partner_id)
        if model := CONTRACTS.get(kind.topic):
            data = model.model_validate_json(to_json(data)).model_dump(mode="json")
        kind.order_number_in(data)
    except ValidationError as error:
        places = [{"place": "/".join(map(str, one["loc"])), "problem": one["msg"]} for one in error.errors()]
        raise BadSample("Some fields of the sample break a rule; `errors` lists each.", errors=places) from None
    except Poison as poison:
        raise BadSample(f"{poison.detail or poison.reason}.") from None
    return data


async def what_became_of(notifications: Notifications, partner_id: str, source: str, event_id: str) -> Decision | None:
    """The decision about an event, None while it waits (A9). Raises NotFound when it is not known here."""
    decisions = await notifications.store.decisions_about(partner_id, source, event_id)
    if decisions:
        return decisions[0]
    if not await notifications.store.is_waiting(partner_id, source, event_id):
        raise NotFound("No event of this source and id has been consumed for your company.")
    return None
