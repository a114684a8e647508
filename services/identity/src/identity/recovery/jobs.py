"""What is done beside requests: write to those who forgot their password."""

from common.jobs import Job, Stop
from identity.recovery import handlers
from identity.recovery.handlers import Recovery

LOOK_SECONDS = 1.0


def answering(recovery: Recovery) -> Job:
    async def run(stop: Stop) -> None:
        while not stop.is_set():
            recovery.asked.clear()
            if not await handlers.answer_forgotten(recovery):
                await stop.wait_or(recovery.asked, LOOK_SECONDS)

    return Job("forgotten passwords", run)
