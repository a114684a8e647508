"""Who would receive an event, and what became of one (A9)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from pydantic import ValidationError
from pydantic_core import to_json

from common.dead_letters.domain import SetAside
from common.dead_letters.storage import DeadLetterStore
from common.errors import Invalid, NotFound, Poison
from common.events import Content
from notifications.directory import Directory
from notifications.domain import Decision, Nobody, Occurrence, Partner, Resolution, address_messages
from notifications.handlers import Notifications, resolve_for
from notifications.kinds.domain import Kind
from notifications.kinds.handlers import CONTRACTS
from notifications.messages import render
from notifications.outcomes.domain import Outcome


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


@dataclass(frozen=True, slots=True)
class Story:
    """What became of an event for one partner; a kind is either decided about or waits."""

    source: str
    event_id: str
    decisions: Sequence[Decision]
    waiting: Mapping[str, datetime]
    """Kinds, each with until when it waits."""
    outcomes: Mapping[str, Outcome]
    """What is known of messages, by id."""
    set_aside: SetAside | None


async def what_became_of(
    notifications: Notifications, letters: DeadLetterStore, partner_id: str, source: str, event_id: str
) -> Story:
    """The story of an event (A9). Raises NotFound when it is not known here.

    It is looked for against its way, so that one that goes on meanwhile is found before or after the step.
    """
    store = notifications.store
    set_aside = await letters.open_dead_letter_of(source, event_id, partner_id)
    waiting = await store.waiting_about(partner_id, source, event_id)
    decisions = await store.decisions_about(partner_id, source, event_id)
    if not (set_aside or waiting or decisions):
        raise NotFound("No event of this source and id is known here for your company: it has not come yet, or is old.")
    waiting = {kind: until for kind, until in waiting.items() if kind not in {one.about.kind for one in decisions}}
    ids = [message_id for one in decisions for message_id in one.message_ids]
    outcomes = await notifications.outcomes.of_messages(partner_id, ids)
    return Story(source, event_id, decisions, waiting, outcomes, set_aside)
