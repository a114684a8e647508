"""What is done beside requests: let letters leave."""

from common.jobs import Job, whenever
from identity.mails import handlers
from identity.mails.handlers import Mails

LOOK_SECONDS = 1.0


def sending(mails: Mails) -> Job:
    return whenever(mails.written, LOOK_SECONDS, "letters", lambda: handlers.send(mails))
