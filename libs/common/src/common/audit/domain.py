"""What is said of a request that the audit log has to know. No I/O."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from ipaddress import ip_network

from common.addresses import parsed
from common.authors import Author

_ID = re.compile(r"[A-Za-z0-9_.:-]{1,64}")
NOT_AN_ID = "-"


class Outcome(StrEnum):
    """What came of it."""

    DONE = "done"
    REFUSED = "refused"
    """Whoever asked might not, or did not prove who he is."""
    FAILED = "failed"
    """It could not be done; nothing was changed."""
    UNKNOWN = "unknown"
    """The process died, or something broke: it may have been done or not."""

    @classmethod
    def of_status(cls, status: int) -> "Outcome":
        """That of an HTTP answer."""
        if status < 400:
            return cls.DONE
        if status in (401, 403):
            return cls.REFUSED
        return cls.FAILED if status < 500 else cls.UNKNOWN


@dataclass(frozen=True, slots=True)
class Deed:
    """Somebody does something to what belongs to `partner_id`, from `network`. `action` is a route, or a word for what
    has none; `target` says to what, by name and id."""

    id: str
    partner_id: str
    at: datetime
    author: Author
    session_id: str | None
    network: str | None
    service: str
    action: str
    target: Mapping[str, str] = field(default_factory=lambda: {})


def in_milliseconds(at: datetime) -> datetime:
    """In UTC, and as the database keeps it: what is hashed must be the same when it is read again."""
    at = at.astimezone(UTC)
    return at.replace(microsecond=at.microsecond // 1000 * 1000)


def network_of(address: str) -> str | None:
    """Where a request came from, near enough to know the place again and too far to know the person: the /24 of an
    IPv4 address, the /48 of an IPv6 one."""
    found = parsed(address)
    if found is None:
        return None
    return str(ip_network((found, 24 if found.version == 4 else 48), strict=False))


def is_id(text: str) -> bool:
    """False for what may be an address or a text, or is longer than any id."""
    return _ID.fullmatch(text) is not None


def target_of(path_parameters: Mapping[str, object]) -> dict[str, str]:
    """The ids in a path. What may be an address or a text is left out: the log cannot forget anything."""
    texts = {name: str(value) for name, value in path_parameters.items()}
    return {name: text if is_id(text) else NOT_AN_ID for name, text in texts.items()}
