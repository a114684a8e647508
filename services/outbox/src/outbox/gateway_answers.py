"""What an answer of an HTTP gateway means (B10): the one table of statuses, and the one of SMSAPI's errors. No I/O."""

import json
import re
from collections.abc import Mapping
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Any

from outbox.domain import Answer, Outcome, whole

_CONTROL = re.compile(r"[\x00-\x1f\x7f]+")

STATUSES: Mapping[int, Outcome] = {
    # The gateway does not take us, or is not where the account says: that is no message's fault.
    **dict.fromkeys((401, 402, 403, 404, 405), Outcome.ACCOUNT_REFUSED),
    # Not now: it never took the request, or is at work on the same one.
    **dict.fromkeys((408, 409, 425, 429), Outcome.TRY_AGAIN),
    # Said by somebody in front of it, who had handed the request on.
    **dict.fromkeys((502, 504), Outcome.UNKNOWN),
}
"""Those that do not mean what their class does."""
CLASSES: Mapping[int, Outcome] = {
    2: Outcome.SENT,
    3: Outcome.ACCOUNT_REFUSED,
    4: Outcome.MESSAGE_REFUSED,
    5: Outcome.TRY_AGAIN,
}

ALREADY_SENT = 53
SMSAPI_ERRORS: Mapping[int, Outcome] = {
    ALREADY_SENT: Outcome.SENT,
    # No valid number, on our blacklist, opted out, in a country that is closed to us.
    **dict.fromkeys((13, 57, 59, 112), Outcome.RECIPIENT_REFUSED),
    # Sender name, restricted account, who we are, credit, our address, what we may do.
    **dict.fromkeys((14, 98, 101, 102, 103, 105, 110, 401, 997, 1000), Outcome.ACCOUNT_REFUSED),
    # Too many to this number in a minute, too many at once, trouble of its own.
    **dict.fromkeys((52, 200, 201, 202, 203, 998, 999), Outcome.TRY_AGAIN),
}
"""Every other error is about the message, unless the status says something else."""


def understand_http(status: int, body: bytes, provider_id_at: str | None, retry_after: float | None) -> Answer:
    """What the answer of any gateway means."""
    outcome = STATUSES.get(status) or CLASSES.get(status // 100, Outcome.UNKNOWN)
    provider_id = text_at(provider_id_at, _parsed(body)) if outcome is Outcome.SENT and provider_id_at else ""
    return Answer(outcome, status, None, _words(status, body.decode("utf-8", "replace")), provider_id, retry_after)


def understand_smsapi(status: int, body: bytes, retry_after: float | None) -> Answer:
    """What SMSAPI's answer to `sms.do` means: it says in the body what went wrong, mostly with a status of 200."""
    match _parsed(body):
        case {"error": int(error), **rest} if error:
            words = f"error {error}: {rest.get('message', '')}"
            by_status = Outcome.MESSAGE_REFUSED if status == 200 else understand_http(status, b"", None, None).outcome
            outcome = SMSAPI_ERRORS.get(error, by_status)
            return Answer(outcome, status, None, _words(status, words), "", retry_after)
        case {"list": [{"id": str(provider_id), **rest}, *_]} if status // 100 == 2:
            return Answer(Outcome.SENT, status, None, _words(status, f"{rest.get('status', '')}"), provider_id)
        case _ if status // 100 == 2:
            return Answer(Outcome.UNKNOWN, status, reply=f"{status} and no answer of SMSAPI")
        case _:
            return understand_http(status, body, None, retry_after)


def retry_after_of(value: str, now: datetime, longest: float) -> float | None:
    """The seconds that a `Retry-After` asks for, at most `longest`; None when it cannot be read."""
    try:
        seconds = float(value) if value.isdecimal() else (parsedate_to_datetime(value) - now).total_seconds()
    except (ValueError, TypeError, OverflowError):
        return None
    return min(max(seconds, 0.0), longest)


def points_left(body: bytes) -> str:
    """What SMSAPI's profile says of the account's credit, in words."""
    match _parsed(body):
        case {"points": int() | float() as points}:
            return f"signed in; {points} points are left"
        case _:
            return "signed in"


def _words(status: int, text: str) -> str:
    """All of them: they are cut once our secret is taken out (`gateways.py`), or a part of it would stay."""
    return _CONTROL.sub(" ", f"{status} {text}").strip()


def _parsed(body: bytes) -> Any:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None


def text_at(pointer: str, document: Any) -> str:
    """The text or number at a JSON Pointer (RFC 6901), at most 200 characters; empty when there is none."""
    found = found_at(pointer, document)
    is_id = isinstance(found, str | int) and not isinstance(found, bool)
    return whole(_CONTROL.sub(" ", str(found))[:200]) if is_id else ""


def found_at(pointer: str, document: Any) -> Any:
    """What is at a JSON Pointer; None when there is nothing."""
    for step in pointer.split("/")[1:]:
        step = step.replace("~1", "/").replace("~0", "~")
        if isinstance(document, Mapping):
            document = document.get(step)
        elif isinstance(document, list) and step.isdecimal() and int(step) < len(document):
            document = document[int(step)]
        else:
            return None
    return document
