"""What telemetry costs: the same two rates with traces exported, every tenth event sampled, over those without."""

import statistics
from collections.abc import Sequence

from bench import notifications, outbox
from bench.runner import Row
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
            plain = await notifications.service_rate(at)
            with_traces = await notifications.service_rate(at, **traced)
            plain_mail: list[float] = []
            mail_with_traces: list[float] = []
            for number in range(outbox.ROUNDS):
                plain_mail.append(await outbox.service_rate(at, smtp, f"prt_{number}"))
                mail_with_traces.append(await outbox.service_rate(at, smtp, f"prt_{number}", **traced))
    mail = statistics.median(mail_with_traces), statistics.median(plain_mail)
    return [
        Row("telemetry: notifications with traces over without", with_traces, "events/s", plain, GOAL),
        Row("telemetry: outbox with traces over without", mail[0], "mails/s", mail[1], GOAL),
    ]
