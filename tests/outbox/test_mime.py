"""The bytes of a mail: read back by the standard library's parser they say what was meant, and nothing else."""

from collections.abc import AsyncIterator
from email import message_from_bytes, policy
from email.header import decode_header, make_header
from email.message import EmailMessage
from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st

from outbox.attachments.domain import ENDINGS, LONGEST_NAME, file_name
from outbox.mime import Enclosed, Mail, ascii_address, attachments, compose, dot_stuffed, size_of_attachments


def parsed(**changes: Any) -> EmailMessage:
    base: dict[str, Any] = {
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


def test_no_line_is_longer_than_a_mail_server_takes() -> None:
    """RFC 5322, 2.1.1: also where a name is."""
    for name in ("a" * 2_000, '"' * 900, "ż" * 2_000, "a" * 250):
        mail = Mail("m-1", "shop@kettle.example", name[:100], "ann@x.example", name, name[:500], "", "")
        content = compose(mail)
        assert max(map(len, content.split(b"\r\n"))) <= 998
        to = str(make_header(decode_header(message_from_bytes(content)["To"])))
        assert to.replace("\\", "") in (f'"{name}" <ann@x.example>', f"{name} <ann@x.example>")


def test_a_unicode_domain_goes_out_as_ascii() -> None:
    assert ascii_address("ann@żółw.example") == "ann@xn--w-uga1v8h.example"


def enclosed(name: str, content: bytes, media_type: str = "application/pdf") -> Enclosed:
    async def read() -> AsyncIterator[bytes]:
        for start in range(0, len(content), 57):
            yield content[start : start + 57]

    return Enclosed(name, media_type, len(content), read)


async def with_files(*files: Enclosed) -> EmailMessage:
    """The mail as it is read; its size is what was said before."""
    mail = Mail("m-1", "shop@kettle.example", "", "ann@x.example", "", "New order", "Hello", "", "", files)
    behind = b"".join([part async for part in attachments(mail)])
    assert len(behind) == size_of_attachments(mail)
    assert all(len(line) <= 998 for line in behind.split(b"\r\n"))
    assert not [line for line in behind.split(b"\r\n") if line.startswith(b".")]
    message = message_from_bytes(compose(mail) + behind, policy=policy.default)
    assert isinstance(message, EmailMessage)
    return message


kinds = st.sampled_from(sorted(ENDINGS))


@given(st.lists(st.tuples(st.text(max_size=300), st.binary(max_size=200), kinds), min_size=1, max_size=3))
@example([("a" * 57 + ".pdf", bytes(57), "application/pdf"), ("x\r\nBcc: evil@x.example", b"", "text/csv")])
@example([("\u202efdp.exe", b"x", "application/pdf"), ("../../etc/passwd", b"x", "text/plain")])
@example([('";\\', b"x", "text/plain"), ("ż" * 100, b"x" * 58, "text/xml")])
async def test_files_are_read_as_they_were_meant_whatever_they_are_called(
    wanted: list[tuple[str, bytes, str]],
) -> None:
    """B12: names, types and bytes; and no header is added."""
    files = [(file_name(name, media_type), content, media_type) for name, content, media_type in wanted]
    message = await with_files(*(enclosed(*one) for one in files))
    read = [
        (one.get_filename(), one.get_payload(decode=True), one.get_content_type()) for one in message.iter_attachments()
    ]
    assert read == files
    assert body(message, "plain").strip() == "Hello"
    assert message["Bcc"] is None


@given(st.text(max_size=300), kinds)
@example("a" * 200 + ".exe", "application/pdf")
@example(".", "text/plain")
@example("con:aux.txt", "text/plain")
def test_a_files_name_is_good_on_any_machine_and_says_its_type(name: str, media_type: str) -> None:
    """B12: no path, nothing that nobody sees, not too long, and an ending of its type."""
    made = file_name(name, media_type)
    assert 0 < len(made) <= LONGEST_NAME
    assert not set(made) & set("/\\:\r\n\t\x00\x7f")
    assert made.isprintable()
    assert made.strip(". ") == made
    assert made.rpartition(".")[2].casefold() in ENDINGS[media_type]
    assert file_name(made, media_type) == made


def test_a_good_name_stays() -> None:
    """B12."""
    assert file_name("Faktura żółta 42.PDF", "application/pdf") == "Faktura żółta 42.PDF"
    assert file_name("photo.jpeg", "image/jpeg") == "photo.jpeg"
    assert file_name("invoice", "application/pdf") == "invoice.pdf"
    assert file_name("invoice.pdf.exe", "application/pdf") == "invoice.pdf.exe.pdf"
    assert file_name("C:\\Users\\ann\\list.csv", "text/csv") == "list.csv"
    assert file_name("data.bin", "application/x-own") == "data.bin"
