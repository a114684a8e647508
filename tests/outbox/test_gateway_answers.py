"""What an answer of a gateway means: statuses, SMSAPI's errors, and how long to wait (B10)."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from outbox.domain import Outcome
from outbox.gateway_answers import points_left, retry_after_of, understand_http, understand_smsapi

NOW = datetime(2026, 11, 23, 10, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("outcome", "statuses"),
    [
        (Outcome.SENT, (200, 201, 202, 204)),
        (Outcome.ACCOUNT_REFUSED, (301, 302, 307, 308, 401, 402, 403, 404, 405)),
        (Outcome.MESSAGE_REFUSED, (400, 406, 410, 413, 415, 422, 451)),
        (Outcome.TRY_AGAIN, (408, 409, 425, 429, 500, 501, 503, 507)),
        (Outcome.UNKNOWN, (502, 504, 999)),
    ],
)
def test_a_status_means_one_thing(outcome: Outcome, statuses: tuple[int, ...]) -> None:
    """B10: with the gateway's words on one line."""
    for status in statuses:
        answer = understand_http(status, b"some\r\nwords", None, 7.0)
        assert (answer.outcome, answer.code, answer.reply) == (outcome, status, f"{status} some words"), status
        assert answer.retry_after == 7.0


@pytest.mark.parametrize(
    ("outcome", "errors"),
    [
        (Outcome.SENT, (53,)),
        (Outcome.RECIPIENT_REFUSED, (13, 57, 59, 112)),
        (Outcome.ACCOUNT_REFUSED, (14, 98, 101, 102, 103, 105, 110, 401, 997, 1000)),
        (Outcome.MESSAGE_REFUSED, (8, 11, 12, 27, 76, 94)),
        (Outcome.TRY_AGAIN, (52, 200, 201, 202, 203, 998, 999)),
    ],
)
def test_an_error_of_smsapi_means_one_thing_whatever_the_status(outcome: Outcome, errors: tuple[int, ...]) -> None:
    """B10: 53 says that it has the message already."""
    for error in errors:
        body = json.dumps({"error": error, "message": "its words"}).encode()
        answer = understand_smsapi(200, body, None)
        assert (answer.outcome, answer.reply) == (outcome, f"200 error {error}: its words"), error


@pytest.mark.parametrize(
    ("status", "body", "outcome"),
    [
        (200, b'{"count": 1, "list": [{"id": "146", "status": "QUEUE"}]}', Outcome.SENT),
        (200, b"<html>welcome</html>", Outcome.UNKNOWN),
        (200, b'{"list": []}', Outcome.UNKNOWN),
        (200, b"[" * 5_000, Outcome.UNKNOWN),
        (200, b"", Outcome.UNKNOWN),
        (401, b'{"error": 101, "message": "no"}', Outcome.ACCOUNT_REFUSED),
        (429, b'{"error": "too_many", "message": "slow down"}', Outcome.TRY_AGAIN),
        (503, b'{"error": 12345, "message": "?"}', Outcome.TRY_AGAIN),
        (503, b"<html>", Outcome.TRY_AGAIN),
        (400, b"", Outcome.MESSAGE_REFUSED),
    ],
)
def test_smsapi_has_a_text_only_when_it_says_so(status: int, body: bytes, outcome: Outcome) -> None:
    """B2, B10: nonsense with a status of 200 is no acceptance."""
    assert understand_smsapi(status, body, None).outcome is outcome


def test_whatever_a_gateway_says_can_be_kept() -> None:
    """B2: JSON may hold halves of characters, which no database takes; results of all accounts are written together."""
    halves = json.dumps({"error": 8, "message": "\ud800", "id": "\udfffa", "list": [{"id": "\ud800"}]}).encode()
    kept = [understand_http(200, halves, "/id", None), understand_smsapi(200, halves, None)]
    kept.append(understand_smsapi(200, halves.replace(b"8", b"0", 1), None))
    assert [(one.reply, one.provider_id) for one in kept[1:]] == [("200 error 8: ?", ""), ("200", "?")]
    assert kept[0].provider_id == "?a"


@pytest.mark.parametrize(
    ("pointer", "document", "found"),
    [
        ("/id", {"id": "m-1"}, "m-1"),
        ("/messages/0/id", {"messages": [{"id": 17}]}, "17"),
        ("/a~1b/~0c", {"a/b": {"~c": "x"}}, "x"),
        ("/id", {"id": {"of": "it"}}, ""),
        ("/id", {"id": True}, ""),
        ("/0", {"id": "m-1"}, ""),
        ("/messages/5", {"messages": []}, ""),
        ("/id", "text", ""),
        ("/id", {"id": "a\r\nb" + "c" * 500}, "a b" + "c" * 197),
    ],
)
def test_the_providers_id_is_where_the_account_says(pointer: str, document: Any, found: str) -> None:
    """B2: or the message has none."""
    answer = understand_http(200, json.dumps(document).encode(), pointer, None)
    assert (answer.outcome, answer.provider_id) == (Outcome.SENT, found)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("120", 120.0),
        ("0", 0.0),
        ("99999999", 3600.0),
        ("Mon, 23 Nov 2026 10:05:00 GMT", 300.0),
        ("Mon, 23 Nov 2026 09:00:00 GMT", 0.0),
        ("Mon, 23 Nov 2026 10:05:00", None),
        ("soon", None),
        ("-5", None),
        ("", None),
        ("²", None),
        ("Mon, 23 Nov 9999999999 10:05:00 GMT", None),
    ],
)
def test_a_wait_is_read_in_both_of_its_forms(value: str, seconds: float | None) -> None:
    """B10: RFC 9110, 10.2.3; at most as long as the operator allows."""
    assert retry_after_of(value, NOW, 3600.0) == seconds


@pytest.mark.parametrize(
    ("body", "words"),
    [(b'{"points": 12.5}', "signed in; 12.5 points are left"), (b"{}", "signed in"), (b"<html>", "signed in")],
)
def test_the_credit_is_told_where_it_is_known(body: bytes, words: str) -> None:
    """B11."""
    assert points_left(body) == words
