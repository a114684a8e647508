"""The bare loop that accepting is compared with: consume `message.requested`, validate, one bulk write, commit.

Same client, same acknowledgements, same batch size, the whole message kept; no account, no search, no telemetry.
"""

from collections.abc import Sequence

import uvloop

from bench.bare.loop import consume, database
from common.events import MessageRequested


async def main() -> None:
    messages = database()["messages"]
    await messages.create_index([("partner_id", 1), ("message_id", 1)])

    async def keep(requested: Sequence[MessageRequested]) -> None:
        await messages.insert_many([one.model_dump() for one in requested], ordered=False)

    await consume(MessageRequested, keep)


if __name__ == "__main__":
    uvloop.run(main())
