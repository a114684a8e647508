"""What is done beside requests: let letters leave."""

from common.jobs import Job, whenever
from identity.mails import handlers
from identity.mails.handlers import Mails


def sending(mails: Mails) -> Job:
    return whenever(mails.written, "letters", lambda: handlers.send(mails))
