"""Requests for a new password that are answered again, because a process was killed before it forgot them."""

from datetime import UTC, datetime, timedelta

from common.events import MessageRequested
from tests.identity.letters import LINK, letters_to
from tests.identity.test_recovery import follow
from tests.identity.test_sign_in import new_partner
from tests.support.eventually import eventually, unique
from tests.support.platform import Platform


async def test_of_two_requests_the_later_link_stays_good_though_both_are_answered_again(platform: Platform) -> None:
    """F6: the outbox sends the first message of each; whoever asked twice must not have two links that lead nowhere."""
    identity = await platform.service("identity", instance="answered-again")
    _, email = await new_partner(identity)
    first, now = unique("req"), datetime.now(UTC)
    asked = [{"_id": first, "email": email, "at": now}, {"_id": f"{first}-2", "email": email, "at": now}]
    asked[1]["at"] = now + timedelta(seconds=1)

    async def is_answered() -> bool:
        return await identity.database["password_requests"].count_documents({}) == 0

    for _ in range(2):
        identity.kill()
        await identity.database["password_requests"].insert_many(asked)
        await identity.start()
        await eventually(is_answered)
    await letters_to(identity, email, "password-reset", count=2)
    arrived: dict[str, MessageRequested] = {}
    for event in identity.io.follow(MessageRequested).events:
        if event.data.recipient.address == email:
            arrived.setdefault(event.data.message_id, event.data)
    [_, (_, token)] = [LINK.findall(letter.content.text)[0] for letter in arrived.values()]
    assert (await follow(identity, "/password/reset", token)).status_code == 204
