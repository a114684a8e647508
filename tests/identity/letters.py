"""Mails about accounts, as they are published."""

import re
from collections.abc import Callable

from common.events import MessageRequested
from tests.support.eventually import eventually
from tests.support.platform import Service

LINK = re.compile(r"https://identity\.switchboard/account/([a-z-]+)#token=(\S+)")


async def letters_to(identity: Service, address: str, kind: str = "", count: int = 1) -> list[MessageRequested]:
    """The mails to an address (of this kind), once there are `count`."""

    def is_it(message: MessageRequested) -> bool:
        return message.recipient.address == address and message.kind.endswith(kind)

    return await _first(identity, is_it, count)


async def link_to(identity: Service, address: str, kind: str, count: int = 1) -> str:
    """The token in the link of the latest of `count` mails of this kind to an address."""
    letter = (await letters_to(identity, address, kind, count))[-1]
    [(page, token)] = LINK.findall(letter.content.text)
    assert page == kind
    return token


async def _first(identity: Service, is_it: Callable[[MessageRequested], bool], count: int) -> list[MessageRequested]:
    """Of two processes each may let the same letter leave: it is one message."""
    followed = identity.io.follow(MessageRequested)

    def enough() -> list[MessageRequested]:
        found = {event.data.message_id: event.data for event in followed.events if is_it(event.data)}
        return list(found.values()) if len(found) >= count else []

    return await eventually(enough, 15.0, f"{count} different mails")
