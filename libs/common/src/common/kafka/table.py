"""A compacted topic kept in the memory of every process: read whole, outside any group, before the process is ready."""

from collections.abc import Callable, Mapping
from typing import Generic, TypeVar

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from common.errors import Poison
from common.events.envelope import State, decode
from common.jobs import Backoff, Stop, Stopped
from common.kafka.connection import Kafka
from common.kafka.polling import IDLE_SECONDS, poll
from common.logs import error_code, logger

log = logger(__name__)

S = TypeVar("S", bound=State)

LOOK_SECONDS = 0.3
"""Until everything is read: how often it is looked whether it is."""


class Table(Generic[S]):
    """Follows the topic of `model` and hands every state to `apply`, repetitions and older ones included.

    `caught_up` once everything that was there at the start has been applied. `at_end` is called whenever nothing that
    the broker spoke of is left unread; not a word of a broker that is away counts as nothing.
    """

    def __init__(
        self, model: type[S], apply: Callable[[S], None], kafka: Kafka, at_end: Callable[[], None] = lambda: None
    ) -> None:
        self.caught_up = False
        self._model = model
        self._apply = apply
        self._kafka = kafka
        self._at_end = at_end

    @property
    def trouble(self) -> str | None:
        return None if self.caught_up else f"reading {self._model.TOPIC}"

    async def run(self, stop: Stop) -> None:
        """Follow the topic until `stop`; when the broker is away, what is known stays known."""
        backoff = Backoff()
        while not stop.is_set():
            consumer: AIOKafkaConsumer | None = None
            try:
                await self._kafka.start()
                consumer = await stop.unless(self._kafka.consumer(self._model.TOPIC, group=None))
                await self._read(consumer, stop)
            except Stopped:
                return
            except KafkaError as error:
                log.warning("table_waits", topic=self._model.TOPIC, error=error_code(error))
                await stop.wait_for(backoff.next())
            finally:
                if consumer is not None:
                    await consumer.stop()

    async def _read(self, consumer: AIOKafkaConsumer, stop: Stop) -> None:
        ends = await consumer.end_offsets(list(consumer.assignment()))
        while not stop.is_set():
            if not ends:
                ends = await consumer.end_offsets(list(consumer.assignment()))
            elif await _nothing_is_unread(consumer, ends):
                self._at_end()
                self.caught_up = True
            polled = await poll(consumer, stop, IDLE_SECONDS if self.caught_up else LOOK_SECONDS)
            for record in (record for part in polled.values() for record in part):
                if record.value is None:
                    continue
                try:
                    self._apply(decode(record, self._model).data)
                except Poison as poison:
                    log.warning("table_skips", topic=self._model.TOPIC, reason=poison.reason, offset=record.offset)


async def _nothing_is_unread(consumer: AIOKafkaConsumer, ends: Mapping[TopicPartition, int]) -> bool:
    """True when all that was there at the start (`ends`) and all that the broker spoke of since has been applied."""
    unread = [tp for tp, end in ends.items() if await consumer.position(tp) < max(end, consumer.highwater(tp) or 0)]
    return not unread
