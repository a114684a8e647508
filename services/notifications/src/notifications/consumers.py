"""What notifications reads from Kafka: translate, call one handler."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Any, TypeVar

from aiokafka.errors import KafkaError
from pymongo.errors import PyMongoError

from common import metrics
from common.errors import Poison, is_own_trouble
from common.events import ONLY_FOR, ContactChanged, Event, MessageFailed, PartnerChanged, Received, open_event
from common.jobs import Job, Stop
from common.kafka.connection import Kafka
from common.kafka.subscribe import Subscription, subscribe
from common.kafka.topics import ensure_topics
from common.logs import error_code, logger
from notifications import handlers
from notifications.campaigns.handlers import Campaigns, launch
from notifications.domain import Occurrence
from notifications.handlers import SERVICE, Notifications, occurrence_id
from notifications.kinds.domain import Kind, is_identifier
from notifications.kinds.handlers import CONTRACTS, FRESH_SECONDS
from notifications.outcomes.handlers import keep_outcomes
from notifications.outcomes.schemas import Sent

log = logger(__name__)

E = TypeVar("E", bound=Event)
URGENT = 1
"""Kinds of this priority have two readers: while one waits for the database, the other decides."""


def subscriptions(notifications: Notifications, campaigns: Campaigns, kafka: Kafka) -> list[Any]:
    """One reader per topic, so that a campaign never stands before an order."""

    def read(model: type[E], handle: Callable[[Sequence[Received[E]]], Awaitable[None]]) -> Subscription[E]:
        return subscribe(model, handle, service=SERVICE, kafka=kafka)

    return [
        KindReaders(campaigns, kafka),
        read(Sent, partial(keep_outcomes, notifications.outcomes)),
        read(MessageFailed, partial(handlers.escalate_all, notifications)),
        # Two, so that one prepares while the other writes: everybody is known sooner after the database was lost.
        *(read(ContactChanged, partial(handlers.keep_people, notifications)) for _ in range(2)),
        read(PartnerChanged, partial(handlers.keep_partners, notifications)),
    ]


class KindReaders:
    """Reads the topics of all kinds; a topic that a new kind names is read within seconds (A6)."""

    topic = "of kinds"

    def __init__(self, campaigns: Campaigns, kafka: Kafka) -> None:
        self._campaigns = campaigns
        self._kafka = kafka
        self._trouble: str | None = "the kinds are not known yet"
        self._running: dict[str, _Running] = {}
        self._refused = set[str]()
        """Topics that the broker did not make."""

    @property
    def trouble(self) -> str | None:
        """Why not everything is read; None when it is."""
        found = (reader.trouble for one in self._running.values() for reader in one.readers)
        return self._trouble or next((trouble for trouble in found if trouble), None)

    async def run(self, stop: Stop) -> None:
        """Read until `stop`."""
        try:
            while not stop.is_set():
                try:
                    await self._follow()
                    self._trouble = None
                except (PyMongoError, KafkaError) as error:
                    self._trouble = "the kinds or their topics cannot be read"
                    log.warning("kinds_wait", error=error_code(error))
                await stop.wait_for(FRESH_SECONDS)
        finally:
            await asyncio.gather(*(one.end() for one in self._running.values()))
            self._running.clear()

    async def _follow(self) -> None:
        """Begin with topics that a kind names now, and end with those that none names any more."""
        wanted = (await self._campaigns.notifications.kinds.current()).topics()
        new = [topic for topic in wanted if topic not in self._running]
        for topic in sorted(new, key=lambda one: one not in CONTRACTS):
            if topic not in CONTRACTS and not await self._is_made(topic):
                continue
            model: type[Event] = CONTRACTS.get(topic) or open_event(topic)
            handle = partial(_notify, self._campaigns, topic)
            readers = [
                subscribe(model, handle, service=SERVICE, kafka=self._kafka)
                for _ in range(2 if wanted[topic] <= URGENT else 1)
            ]
            self._running[topic] = _Running(readers)
        for topic in self._running.keys() - wanted.keys():
            await self._running.pop(topic).end()
            metrics.STALLED.labels(topic).set(0)
        for topic in self._refused - wanted.keys():
            metrics.STALLED.labels(topic).set(0)
        self._refused &= wanted.keys()

    async def _is_made(self, topic: str) -> bool:
        """False when the broker will not have it: the other topics are read all the same."""
        try:
            await ensure_topics(self._kafka.settings, [topic], SERVICE)
        except KafkaError as error:
            if is_own_trouble(error):
                raise
            metrics.STALLED.labels(topic).set(1)
            self._refused.add(topic)
            log.error("topic_refused", topic=topic, error=error_code(error))
            return False
        return True


class _Running:
    """The readers of one topic at work."""

    def __init__(self, readers: Sequence[Subscription[Any]]) -> None:
        self.readers = readers
        self._stop = Stop()
        self._tasks = [asyncio.create_task(Job(one.topic, one.run).supervise(self._stop)) for one in readers]

    async def end(self) -> None:
        """Finish what is in hand."""
        self._stop.set()
        await asyncio.gather(*self._tasks)


async def _notify(campaigns: Campaigns, topic: str, events: Sequence[Received[Any]]) -> None:
    """Tell of events as every kind that is about them says; what no kind is about is passed over."""
    catalogue = await campaigns.notifications.kinds.current()
    kinds = {event_type: catalogue.of_event(topic, event_type) for event_type in {event.type for event in events}}
    found: list[Occurrence] = []
    for event in events:
        data = event.data.model_dump(mode="json")
        for kind in kinds[event.type]:
            if kind.audience.is_wide and event.only_for is None:
                await launch(campaigns, kind, event, data)
            else:
                found.append(occurrence(event, kind, _partner(event, kind, data), data))
    if any(catalogue.get(one.kind).priority <= URGENT for one in found):
        campaigns.urgent_came_in()
    if found:
        await handlers.notify_all(campaigns.notifications, found)


def _partner(event: Received[Any], kind: Kind, data: dict[str, Any]) -> str:
    """Whom the event concerns: of many, the one whose dead letter is replayed. Raises Poison when there is none."""
    if not kind.audience.is_wide:
        return kind.partner_in(data)
    if event.only_for is None or not is_identifier(event.only_for):
        raise Poison("breaks_contract", f"{ONLY_FOR} is no partner's id")
    return event.only_for


def occurrence(event: Received[Any], kind: Kind, partner_id: str, data: dict[str, Any]) -> Occurrence:
    """The event as it concerns one partner."""
    return Occurrence(
        id=occurrence_id(event.source, event.id, kind.id, partner_id),
        source=event.source,
        event_id=event.id,
        time=event.time,
        kind=kind.id,
        partner_id=partner_id,
        data=data,
        trace=event.trace,
    )
