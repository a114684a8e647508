"""What telemetry costs: the same two rates with traces exported, every tenth event sampled, over those without."""

from collections.abc import Sequence

from bench import notifications, outbox
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
            events = await in_turn(
                lambda number: notifications.service_rate(at, number),
                lambda number: notifications.service_rate(at, number, **traced),
            )
            mails = await in_turn(
                lambda number: outbox.service_rate(at, smtp, number),
                lambda number: outbox.service_rate(at, smtp, number, **traced),
            )
    return [
        Row("telemetry: notifications with traces over without", events[1], "events/s", events[0], GOAL),
        Row("telemetry: outbox with traces over without", mails[1], "mails/s", mails[0], GOAL),
    ]
