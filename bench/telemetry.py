"""What telemetry costs: the same two rates with traces exported, every tenth event sampled, over those without."""

from collections.abc import Sequence

from bench import outbox
from bench.notifications import SMALL
from bench.replica import Replica
from bench.runner import Row, in_turn
from bench.setting import collector, platform, smtp_sink

GOAL = 0.9


async def bench() -> Sequence[Row]:
    """The rows: throughput with telemetry over throughput without."""
    async with platform() as at:
        with smtp_sink() as smtp, collector() as endpoint:
            traced = {
                "OTEL_TRACES_EXPORTER": "otlp",
                "OTEL_EXPORTER_OTLP_ENDPOINT": endpoint,
                "OTEL_TRACES_SAMPLER": "parentbased_traceidratio",
                "OTEL_TRACES_SAMPLER_ARG": "0.1",
            }
            plain_replica, traced_replica = await Replica.of(SMALL, at), await Replica.of(SMALL, at, **traced)
            await plain_replica.know_everybody()
            await traced_replica.know_everybody()
            events = await in_turn(plain_replica.rate, traced_replica.rate)
            mails = await in_turn(
                lambda number: outbox.service_rate(at, smtp, number),
                lambda number: outbox.service_rate(at, smtp, number, **traced),
            )
    return [
        Row("telemetry: notifications with traces over without", events[1], "events/s", events[0], GOAL),
        Row("telemetry: outbox with traces over without", mails[1], "mails/s", mails[0], GOAL),
    ]
