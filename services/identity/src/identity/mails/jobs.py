"""What is done beside requests: let letters leave."""

from common.jobs import Job, Stop
from identity.mails import handlers
from identity.mails.handlers import Mails

LOOK_SECONDS = 1.0


def sending(mails: Mails) -> Job:
    async def run(stop: Stop) -> None:
        while not stop.is_set():
            mails.written.clear()
            if not await handlers.send(mails):
                await stop.wait_or(mails.written, LOOK_SECONDS)

    return Job("letters", run)
