"""How things of the domain look as documents, and back."""

from typing import Any

from common.events import ContactChanged, PartnerChanged
from common.mongo import Document
from common.spelling import plain
from notifications import spelling
from notifications.domain import (
    Addressed,
    ByEmail,
    ByRole,
    Decision,
    Entry,
    Escalated,
    Occurrence,
    Partner,
    Person,
)


def partner_of(document: Document) -> Partner:
    return Partner(document["_id"], document["name"], document["language"], document["owner_email"])


def person_of(document: Document) -> Person:
    return Person(document["_id"], document["name"], document["email"], frozenset(document["roles"]))


def entry_document(entry: Entry) -> Document:
    return {"role": entry.role} if isinstance(entry, ByRole) else {"email": entry.email}


def entries_of(document: Document) -> tuple[Entry, ...]:
    return tuple(ByRole(one["role"]) if "role" in one else ByEmail(one["email"]) for one in document["entries"])


def partner_document(state: PartnerChanged) -> Document:
    if state.deleted:  # whatever its publisher left in it
        state = PartnerChanged(partner_id=state.partner_id, version=state.version, deleted=True)
    return {
        "partner_id": state.partner_id,
        "name": state.name,
        "language": state.language,
        "owner_email": state.owner_email,
        "version": state.version,
        "deleted": state.deleted,
    }


def person_document(state: ContactChanged) -> Document:
    if state.deleted:  # whatever its publisher left in it
        state = ContactChanged(
            partner_id=state.partner_id, person_id=state.person_id, version=state.version, deleted=True
        )
    name = f"{state.first_name} {state.last_name}".strip()
    # Whoever has no address cannot be put among the recipients, so is not found either.
    words = [*spelling.words_and_parts(name), *spelling.words(state.email)] if state.email else []
    return {
        "partner_id": state.partner_id,
        "name": name,
        "email": state.email,
        "folded_email": state.email.casefold(),
        "roles": state.roles,
        "words": words,
        "word_starts": spelling.starts(words),
        "sort_name": plain(name)[: spelling.LONGEST_WORD],
        "version": state.version,
        "deleted": state.deleted,
    }


def occurrence_document(occurrence: Occurrence) -> Document:
    return {
        "_id": occurrence.id,
        "partner_id": occurrence.partner_id,
        "source": occurrence.source,
        "event_id": occurrence.event_id,
        "event_time": occurrence.time,
        "kind": occurrence.kind,
        "data": dict(occurrence.data),
        "trace": occurrence.trace,
    }


def occurrence_of(document: Document) -> Occurrence:
    return Occurrence(
        id=document["_id"],
        source=document["source"],
        event_id=document["event_id"],
        time=document["event_time"],
        kind=document["kind"],
        partner_id=document["partner_id"],
        data=document["data"],
        trace=document["trace"],
    )


def decision_document(decision: Decision) -> Document:
    return occurrence_document(decision.about) | {
        "to": [addressed_document(one) for one in decision.to],
        "consumed_at": decision.consumed_at,
        "muted_until": decision.muted_until,
        "escalations": [],
    }


def decision_of(document: Document) -> Decision:
    return Decision(
        about=occurrence_of(document),
        to=tuple(map(_addressed, document["to"])),
        consumed_at=document["consumed_at"],
        muted_until=document.get("muted_until"),  # decisions from before there were mutes have none
        escalations=tuple(
            Escalated(one["of"], one["level"], tuple(map(_addressed, one["to"]))) for one in document["escalations"]
        ),
    )


def addressed_document(one: Addressed) -> Document:
    return {
        "message_id": one.message_id,
        "address": one.address,
        "name": one.name,
        "person_id": one.person_id,
        "reasons": list(one.reasons),
    }


def _addressed(document: dict[str, Any]) -> Addressed:
    return Addressed(
        message_id=document["message_id"],
        address=document["address"],
        name=document["name"],
        person_id=document["person_id"],
        reasons=tuple(document["reasons"]),
    )
