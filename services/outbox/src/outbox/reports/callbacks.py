"""What gateways report of texts: their documents, statuses and signatures. No I/O."""

import hmac
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from outbox.gateway_answers import found_at, text_at
from outbox.reports.domain import Report, Verdict, in_words
from outbox.via import GatewayReports

MOST_REPORTS = 100
"""Reports of one request that are read."""

SMSAPI_STATUSES: Mapping[str, tuple[str, Verdict]] = {
    "402": ("EXPIRED", Verdict.FAILED),
    "403": ("SENT", Verdict.PENDING),
    "404": ("DELIVERED", Verdict.DELIVERED),
    "405": ("UNDELIVERED", Verdict.FAILED),
    "406": ("FAILED", Verdict.FAILED),
    "407": ("REJECTED", Verdict.FAILED),
    "409": ("QUEUE", Verdict.PENDING),
    "410": ("ACCEPTED", Verdict.PENDING),
    "411": ("RENEWAL", Verdict.PENDING),
    "412": ("STOP", Verdict.FAILED),
}
"""The others say that SMSAPI does not know either: 401 NOT_FOUND, 408 UNKNOWN."""


@dataclass(frozen=True, slots=True)
class OfText:
    """A report and what the gateway calls the message; `key` is what we call it, if it says that too."""

    provider_id: str
    report: Report
    key: str = ""


def is_signed(rules: GatewayReports, secret: str, headers: Mapping[str, str], body: bytes, window: float) -> bool:
    """True when the body, and the time if the account names a header for it, are signed by the secret (HMAC-SHA256).

    A time that is more than `window` seconds off is as good as none.
    """
    signed = body
    if rules.timestamp_header:
        at = headers.get(rules.timestamp_header, "")
        if not at.isdecimal() or len(at) > 12 or abs(datetime.now(UTC).timestamp() - int(at)) > window:
            return False
        signed = f"{at}.".encode() + body
    given = headers.get(rules.signature_header, "").removeprefix("sha256=").lower()
    expected = hmac.digest(secret.encode(), signed, "sha256").hex()
    return hmac.compare_digest(given.encode(), expected.encode())


def read(rules: GatewayReports, body: bytes, now: datetime) -> list[OfText]:
    """The reports of a document that the account's `rules` understand; of others nothing."""
    document = _parsed(body)
    listed = found_at(rules.list_at, document) if rules.list_at else document
    reports = listed if isinstance(listed, list) else [listed]
    return [found for one in reports[:MOST_REPORTS] for found in _read_one(rules, one, now)]


def _read_one(rules: GatewayReports, document: Any, now: datetime) -> Iterator[OfText]:
    provider_id, status = text_at(rules.id_at, document), text_at(rules.status_at, document)
    if provider_id and (verdict := rules.statuses.get(status)):
        words = text_at(rules.words_at, document) if rules.words_at else ""
        yield OfText(provider_id, Report(Verdict(verdict), now, status, in_words(f"{status} {words}")))


def read_smsapi(ids: str, statuses: str, keys: str, times: str, now: datetime) -> list[OfText]:
    """SMSAPI's callback: several reports at once are lists with commas."""
    rows = zip(ids.split(",")[:MOST_REPORTS], statuses.split(","), strict=False)
    found: list[OfText] = []
    for number, (provider_id, status) in enumerate(rows):
        if provider_id and status in SMSAPI_STATUSES:
            name, verdict = SMSAPI_STATUSES[status]
            at = _time(_nth(times, number), now)
            found.append(OfText(provider_id, Report(verdict, at, status, f"{status} {name}"), _nth(keys, number)))
    return found


def _nth(listed: str, number: int) -> str:
    return dict(enumerate(listed.split(","))).get(number, "")


def _time(seconds: str, now: datetime) -> datetime:
    return datetime.fromtimestamp(int(seconds), UTC) if seconds.isdecimal() and len(seconds) <= 10 else now


def _parsed(body: bytes) -> Any:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None
