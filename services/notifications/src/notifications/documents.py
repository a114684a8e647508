"""How things of the domain look as documents, and back."""

import json
from dataclasses import asdict, fields
from datetime import time
from typing import Any

from pydantic_core import to_json

from common.events import ContactChanged, PartnerChanged
from common.mongo import Document
from common.spelling import plain
from notifications import spelling
from notifications.directory import Preference
from notifications.domain import (
    BY_EMAIL,
    Addressed,
    ByEmail,
    ByRole,
    Decision,
    Entry,
    Escalated,
    ForDigest,
    LeftOut,
    Line,
    Occurrence,
    Partner,
    Person,
)
from notifications.kinds.domain import Words
from notifications.quiet_hours import QuietHours


def settings_id(partner_id: str, kind: str) -> str:
    """Names a kind as one partner has it."""
    return f"{partner_id}/{kind}"


def partner_of(document: Document) -> Partner:
    return Partner(document["_id"], document["name"], document["language"], document["owner_email"])


def person_of(document: Document) -> Person:
    return Person(
        id=document["_id"],
        name=document["name"],
        email=document["email"],
        roles=frozenset(document["roles"]),
        phone=document.get("phone"),
        undeliverable=document.get("undeliverable"),
    )


def preference_of(document: Document) -> Preference:
    entries = document.get("entries")
    return Preference(
        entries=tuple(map(_entry, entries)) if entries else None,
        muted_until=document.get("muted_until"),
        words={language: Words(**words) for language, words in document.get("words", {}).items()},
        digest_minutes=document.get("digest_minutes"),
    )


def entry_document(entry: Entry) -> Document:
    who = {"role": entry.role} if isinstance(entry, ByRole) else {"email": entry.email}
    return who | {"channels": list(entry.channels)}


def _entry(document: Document) -> Entry:
    channels = tuple(document.get("channels", BY_EMAIL))
    return ByRole(document["role"], channels) if "role" in document else ByEmail(document["email"], channels)


def quiet_hours_document(hours: QuietHours) -> Document:
    return {"start": hours.start.isoformat(), "until": hours.until.isoformat(), "time_zone": hours.time_zone}


def quiet_hours_of(document: Document) -> QuietHours:
    start, until = time.fromisoformat(document["start"]), time.fromisoformat(document["until"])
    return QuietHours(start, until, document["time_zone"])


def partner_document(state: PartnerChanged) -> Document:
    if state.deleted:  # whatever its publisher left in it
        state = PartnerChanged(partner_id=state.partner_id, version=state.version, deleted=True)
    return {
        "partner_id": state.partner_id,
        "name": state.name,
        "language": state.language,
        "owner_email": state.owner_email,
        "categories": state.categories,
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
        "phone": state.phone,
        "undeliverable": state.undeliverable,
        "roles": state.roles,
        "words": words,
        "word_starts": spelling.starts(words),
        "sort_name": plain(name)[: spelling.LONGEST_WORD],
        "version": state.version,
        "deleted": state.deleted,
    }


def occurrence_document(occurrence: Occurrence) -> Document:
    """Its data are kept as JSON: publishers may use names and numbers that the database does not take."""
    return {
        "_id": occurrence.id,
        "partner_id": occurrence.partner_id,
        "source": occurrence.source,
        "event_id": occurrence.event_id,
        "event_time": occurrence.time,
        "kind": occurrence.kind,
        "data": to_json(occurrence.data).decode(),
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
        data=json.loads(document["data"]),
        trace=document["trace"],
    )


def decision_document(decision: Decision) -> Document:
    return occurrence_document(decision.about) | {
        "to": [addressed_document(one) for one in decision.to],
        "left_out": [
            {"address": one.address, "name": one.name, "person_id": one.person_id, "why": one.why}
            for one in decision.left_out
        ],
        "consumed_at": decision.consumed_at,
        "muted_until": decision.muted_until,
        "escalations": [],
        "digest": _digest_document(decision, decision.digest) if decision.digest else None,
        "lines": [asdict(one) | {"to": list(one.to)} for one in decision.lines],
    }


def _digest_document(decision: Decision, digest: ForDigest) -> Document:
    """With what its collection is found by: whose it is, and whether it is still collected."""
    of = settings_id(decision.about.partner_id, decision.about.kind)
    return asdict(digest) | {"of": of, "pending": digest.sent_in is None}


def decision_of(document: Document) -> Decision:
    return Decision(
        about=occurrence_of(document),
        to=tuple(map(_addressed, document["to"])),
        consumed_at=document["consumed_at"],
        muted_until=document["muted_until"],
        escalations=tuple(
            Escalated(one["of"], one["level"], tuple(map(_addressed, one["to"]))) for one in document["escalations"]
        ),
        left_out=tuple(LeftOut(**one) for one in document["left_out"]),
        digest=_digest(document["digest"]) if document["digest"] else None,
        lines=tuple(Line(**one | {"to": tuple(one["to"])}) for one in document["lines"]),
    )


def _digest(document: Document) -> ForDigest:
    return ForDigest(**{one.name: document[one.name] for one in fields(ForDigest) if one.name in document})


def escalation_document(one: Escalated) -> Document:
    return {"of": one.of_message_id, "level": one.level, "to": [addressed_document(to) for to in one.to]}


def addressed_document(one: Addressed) -> Document:
    return {
        "message_id": one.message_id,
        "channel": one.channel,
        "address": one.address,
        "name": one.name,
        "person_id": one.person_id,
        "reasons": list(one.reasons),
        "not_before": one.not_before,
    }


def _addressed(document: dict[str, Any]) -> Addressed:
    return Addressed(
        message_id=document["message_id"],
        channel=document["channel"],
        address=document["address"],
        name=document["name"],
        person_id=document["person_id"],
        reasons=tuple(document["reasons"]),
        not_before=document["not_before"],
    )
