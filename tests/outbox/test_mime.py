"""The bytes of a mail: read back by the standard library's parser they say what was meant, and nothing else."""

from email import message_from_bytes, policy
from email.message import EmailMessage

from hypothesis import example, given
from hypothesis import strategies as st

from outbox.mime import Mail, ascii_address, compose, dot_stuffed


def parsed(**changes: str) -> EmailMessage:
    base = {
        "message_id": "m-1",
        "from_address": "shop@kettle.example",
        "from_name": "Kettle & Sons",
        "to_address": "ann@x.example",
        "to_name": "Ann",
        "subject": "New order",
        "text": "Hello",
        "html": "<p>Hello</p>",
    }
    message = message_from_bytes(compose(Mail(**(base | changes))), policy=policy.default)
    assert isinstance(message, EmailMessage)
    return message


def body(message: EmailMessage, kind: str) -> str:
    part = message.get_body((kind,))
    assert part is not None
    return part.get_content().replace("\r\n", "\n")


def test_the_headers_are_those_of_an_automatic_message() -> None:
    message = parsed()
    assert message["Message-ID"] == "<m-1@kettle.example>"
    assert message["Auto-Submitted"] == "auto-generated"
    [sender] = message["From"].addresses
    assert (sender.display_name, sender.addr_spec) == ("Kettle & Sons", "shop@kettle.example")
    assert message["Date"] is not None


def test_both_bodies_are_there() -> None:
    message = parsed(text="Dzień dobry\n.\n..x", html="<p>Dzień dobry</p>")
    assert body(message, "plain").rstrip("\n") == "Dzień dobry\n.\n..x"
    assert body(message, "html").rstrip("\n") == "<p>Dzień dobry</p>"


def test_without_html_it_is_plain_text() -> None:
    assert parsed(html="").get_content_type() == "text/plain"


anything = st.text(max_size=200)


@given(anything, anything, anything)
@example("x\r\nBcc: evil@x.example", "a\nTo: evil@x.example", "b\r\n\r\nbody")
@example("=?utf-8?b?eA==?=", '"; x', "\\")
@example("ż" * 200, "ż" * 100, "ż" * 100)
def test_no_value_adds_a_header(subject: str, to_name: str, from_name: str) -> None:
    """Header injection is impossible by any field."""
    message = parsed(subject=subject, to_name=to_name, from_name=from_name)
    assert sorted(message.keys()) == sorted(parsed().keys())
    assert [one.addr_spec for one in message["To"].addresses] == ["ann@x.example"]
    assert [one.addr_spec for one in message["From"].addresses] == ["shop@kettle.example"]


printable = st.text(st.characters(exclude_categories=["Cc", "Cs", "Zl", "Zp"]), max_size=100)


@given(printable)
def test_a_subject_is_read_as_it_was_meant(subject: str) -> None:
    assert parsed(subject=subject)["Subject"].split() == subject.split()


@given(st.text(st.characters(exclude_characters="\r\n\x00", exclude_categories=["Cs"]), max_size=300))
def test_a_body_is_read_as_it_was_meant(text: str) -> None:
    assert body(parsed(text=text), "plain").rstrip("\n") == text.replace("\r\n", "\n").rstrip("\n")


@given(st.binary(max_size=200))
def test_dots_are_stuffed_and_the_end_is_the_only_lone_dot(content: bytes) -> None:
    """RFC 5321, 4.5.2: what the server reads is what was given."""
    stuffed = dot_stuffed(content)
    assert stuffed.endswith(b"\r\n.\r\n") or stuffed == b".\r\n"
    lines = stuffed.removesuffix(b".\r\n").split(b"\r\n")
    assert b"." not in lines
    read = b"\r\n".join(line[1:] if line.startswith(b".") else line for line in lines)
    assert read.removesuffix(b"\r\n") == content.removesuffix(b"\r\n")


def test_a_unicode_domain_goes_out_as_ascii() -> None:
    assert ascii_address("ann@żółw.example") == "ann@xn--w-uga1v8h.example"
