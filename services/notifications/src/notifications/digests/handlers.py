"""One e-mail about many events (A6): none of them is left out, and none is told in two.

Digests of a kind of a partner are numbered, and the number makes the id. Whoever makes number n first has said what is
in it, since decisions are made once; everybody else, also after a crash, finishes that one. Number n + 1 begins only
after nothing of n is collected any more.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from common.clocks import MOST_APART
from common.ids import computed_id
from common.jobs import each_alone, taking_turns
from notifications.digests.storage import Collected
from notifications.domain import Addressed, Decision, Line, Occurrence, message_id
from notifications.handlers import Notifications, occurrence_id
from notifications.messages import MOST_LINES, SOURCE, message_record

LOOK = 500
TAKE_OVER = timedelta(seconds=4)
"""A digest that another replica began is left to it for so long."""
PUT_ASIDE = timedelta(minutes=1)
"""One that cannot be made is tried again after this; meanwhile it is in nobody's way."""


@dataclass
class Digests:
    """What the use cases work with."""

    notifications: Notifications
    collected: Collected


async def send_due(digests: Digests, now: datetime) -> int:
    """Send the digests that are due, at most one of each kind and partner; returns how many. One that cannot be made
    holds up no other."""

    async def put_aside(one: tuple[str, str]) -> None:
        await digests.collected.make_due(*one, now + PUT_ASIDE)

    due = await digests.collected.due_of_all_partners(now, LOOK)
    return sum(await each_alone("digests", due, lambda one: _send_next(digests, *one, now), put_aside))


async def _send_next(digests: Digests, partner_id: str, kind_id: str, now: datetime) -> bool:
    notifications, collected = digests.notifications, digests.collected
    before = await collected.digests_before(partner_id, kind_id)
    pending = await collected.pending(partner_id, kind_id, MOST_LINES)
    if not pending:
        return False
    made = digest_of(pending, before, now)
    [digest] = await notifications.store.keep_decisions([made])
    if digest is not made and now - TAKE_OVER < digest.consumed_at <= now + MOST_APART:
        return False
    kind = (await notifications.kinds.current()).get(kind_id)
    directory = await notifications.store.directory_of_all_partners(kind, [partner_id])
    await notifications.kafka.publish(await taking_turns(message_record(directory, digest, to) for to in digest.to))
    await collected.finish(digest, before)
    return True


def digest_of(pending: list[Decision], before: int, now: datetime) -> Decision:
    """The digest of what is collected for one partner and kind, when `before` digests were finished.

    Events stand in it by their time; of the same time, as they were consumed. Each address is told of its own.
    """
    first = pending[0].about
    event_id = computed_id("digest", first.partner_id, first.kind, str(before))
    about = Occurrence(
        id=occurrence_id(SOURCE, event_id, first.kind, first.partner_id),
        source=SOURCE,
        event_id=event_id,
        time=now,
        kind=first.kind,
        partner_id=first.partner_id,
        data={},
        trace=first.trace,
    )
    ordered = sorted(pending, key=lambda one: one.about.time)
    return Decision(about, _recipients(about.id, ordered), now, lines=tuple(map(_line, ordered)))


def _line(decision: Decision) -> Line:
    if decision.digest is None:
        raise ValueError(f"{decision.about.id} is not collected")
    to = tuple(one.address.casefold() for one in decision.to if one.channel == "email")
    about, digest = decision.about, decision.digest
    return Line(about.id, about.source, about.event_id, digest.subject, digest.intro, to, digest.order_number)


def _recipients(digest_id: str, collected: list[Decision]) -> tuple[Addressed, ...]:
    """Everybody whom one of them is for, once, with all reasons."""
    found: dict[str, Addressed] = {}
    for one in (to for decision in collected for to in decision.to if to.channel == "email"):
        before = found.get(one.address.casefold())
        reasons = tuple(dict.fromkeys([*(before.reasons if before else ()), *one.reasons]))
        new_id = message_id(digest_id, "email", one.address)
        found[one.address.casefold()] = Addressed(new_id, one.address, one.name, one.person_id, reasons)
    return tuple(found.values())
