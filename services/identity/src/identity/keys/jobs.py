"""What is done by time: keep a good signing key."""

from common.jobs import Job, every
from identity.keys import handlers
from identity.keys.handlers import Keys

LOOK_EVERY_SECONDS = 60.0


def rotation(keys: Keys) -> Job:
    """Make the first key at once, and a successor in time."""
    return every(LOOK_EVERY_SECONDS, "key rotation", lambda: handlers.rotate(keys))
