"""What identity does by time: keep a good signing key."""

from common.jobs import Job, Stop
from identity import handlers
from identity.handlers import Identity

LOOK_EVERY_SECONDS = 60.0


def key_rotation(identity: Identity) -> Job:
    """Make the first key at once, and a successor in time."""

    async def run(stop: Stop) -> None:
        while not stop.is_set():
            await handlers.rotate_keys(identity)
            await stop.wait_for(LOOK_EVERY_SECONDS)

    return Job("key rotation", run)
