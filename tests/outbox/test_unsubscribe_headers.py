"""How a mail says that its reader can unsubscribe (B1): RFC 2369 and RFC 8058."""

from email import message_from_bytes, policy

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from outbox.mime import LONGEST_URL, Mail, compose
from tests.support.eventually import unique
from tests.support.mail import MailServer
from tests.support.messages import message, request, sender_account, settled
from tests.support.platform import Platform

URL = "https://news.example/unsubscribe/eyJ.abc-_"


def composed(url: str) -> bytes:
    return compose(Mail("m-1", "shop@kettle.example", "", "ann@x.example", "", "News", "Hello", "", url))


def headers(url: str) -> dict[str, str]:
    """The mail's headers by name, without what changes by itself."""
    return {name: str(value) for name, value in message_from_bytes(composed(url), policy=policy.default).items()}


async def test_a_mail_program_can_unsubscribe_by_itself(platform: Platform, mail: MailServer) -> None:
    """B1: of a message that says how; another one says nothing of it."""
    outbox = await platform.service("outbox")
    partner, _ = await sender_account(outbox, mail)
    news, order = (f"{unique(name).replace('_', '-')}@x.example" for name in ("news", "order"))
    await request(outbox, message(partner, news, unsubscribe_url=URL), message(partner, order))
    await settled(outbox, partner, "SENT", "SENT")
    [got] = mail.to(news)
    assert got.message["List-Unsubscribe"] == f"<{URL}>"
    assert got.message["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    [other] = mail.to(order)
    assert not [name for name in other.message if name.startswith("List-")]


@pytest.mark.parametrize("length", [80, 500, LONGEST_URL])
def test_a_long_url_is_whole_on_a_line_that_is_not_too_long(length: int) -> None:
    """B1: RFC 5322, 2.1.1: no line has more than 998 characters."""
    url = URL.ljust(length, "x")
    assert headers(url)["List-Unsubscribe"] == f"<{url}>"
    assert f"<{url}>".encode() in composed(url)
    assert max(map(len, composed(url).split(b"\r\n"))) <= 998


def test_a_url_that_no_header_may_hold_is_left_out_and_the_mail_leaves() -> None:
    """B1."""
    assert headers(URL.ljust(LONGEST_URL + 1, "x")).keys() == headers("").keys()


@given(st.text(max_size=200))
@example("https://x.example/\r\nBcc: evil@x.example")
@example("https://x.example/>, <mailto:evil@x.example")
@example("https://x.example/\r\n\r\nbody")
@example("ż" * 200)
def test_no_url_adds_a_header_or_another_url(url: str) -> None:
    """B1: header injection is impossible by this field too."""
    got = headers(url)
    assert got.keys() - {"List-Unsubscribe", "List-Unsubscribe-Post"} == headers("").keys()
    value = got.get("List-Unsubscribe", "<>")
    assert (value[0], value[-1]) == ("<", ">")
    assert value.isascii()
    assert not set(value[1:-1]) & set('<> "\r\n\t')
    assert max(map(len, composed(url).split(b"\r\n"))) <= 998
