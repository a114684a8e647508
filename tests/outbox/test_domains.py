"""Mails that are signed for their domain, checked by another implementation of DKIM (B11, B12)."""

import base64
import time
from collections.abc import AsyncIterator
from typing import Any

import dkim
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from common.events import AttachmentRef
from outbox.dkim import LONGEST_SIGNATURE, Signer, trimmed
from outbox.mime import Enclosed, Mail, attachments, compose, hash_of_body, size_of_attachments
from tests.outbox.scripted import Scripted, listening
from tests.support.eventually import eventually, unique
from tests.support.mail import MailServer
from tests.support.messages import message, request, sender_account, settled
from tests.support.platform import Platform, Service


async def call(outbox: Service, partner: str, method: str, url: str, status: int, json: Any = None) -> Any:
    answer = await outbox.http.request(method, url, json=json, headers=outbox.tokens.headers(partner))
    assert answer.status_code == status, answer.text
    return answer.json() if answer.content else None


def is_good(content: bytes, *records: dict[str, str]) -> bool:
    """Whether a receiver who finds these records in the DNS takes the mail for signed."""
    known = {f"{one['name']}.".encode(): one["value"].encode() for one in records}

    def look_up(name: bytes, timeout: int = 5) -> bytes | None:
        return known.get(name)

    return dkim.verify(content, dnsfunc=look_up)


@pytest.fixture(scope="module")
def signer() -> Signer:
    return Signer("kettle.example", "s1", rsa.generate_private_key(65537, 2048))


def record(signer: Signer) -> dict[str, str]:
    public = signer.key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    value = f"v=DKIM1; k=rsa; p={base64.b64encode(public).decode()}"
    return {"name": f"{signer.selector}._domainkey.{signer.domain}", "value": value}


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text(max_size=300), st.text(max_size=100), st.text(max_size=200), st.text(max_size=50))
@example("", "", "", "")
@example("x\n\n\n", "  a   b ", ".\n..", "ż" * 100)
def test_any_mail_is_signed_so_that_it_is_good(signer: Signer, text: str, subject: str, html: str, name: str) -> None:
    """RFC 6376: whatever is in it; and one that was changed is not."""
    mail = Mail(
        "m-1",
        "shop@kettle.example",
        name,
        "ann@x.example",
        name,
        subject,
        text,
        html,
        "https://x.example/u",
        (),
        signer,
    )
    content = compose(mail)
    content += b"" if content.endswith(b"\r\n") else b"\r\n"
    assert is_good(content, record(signer))
    assert not is_good(content + b"more\r\n", record(signer))
    assert not is_good(content.replace(b"To:", b"From: evil@x.example\r\nTo:", 1), record(signer))
    assert not is_good(content.replace(b"m-1@", b"m-2@"), record(signer))


def test_a_text_that_ends_in_many_empty_lines_is_signed_in_a_moment() -> None:
    """RFC 6376, 3.4.3: as many as a message may have took eight seconds, in which the process did nothing else."""
    began = time.process_time()
    assert trimmed(b"Hello" + b"\r\n" * 400_000) == b"Hello\r\n"
    assert time.process_time() - began < 1


async def test_a_mail_with_files_is_signed_without_being_whole_in_memory(signer: Signer) -> None:
    """B12: over all of it; its size is what was said, at most."""

    async def read() -> AsyncIterator[bytes]:
        for part in range(3):
            yield bytes([part]) * 570

    files = (Enclosed("x.pdf", "application/pdf", 3 * 570, read),)
    mail = Mail("m-1", "shop@kettle.example", "", "ann@x.example", "", "New", "Hello", "<p>.</p>", "", files, signer)
    begin = compose(mail, await hash_of_body(mail))
    content = begin + b"".join([part async for part in attachments(mail)])
    assert is_good(content, record(signer))
    said = len(compose(mail)) + size_of_attachments(mail)
    assert said - LONGEST_SIGNATURE < len(content) <= said


async def test_a_domain_signs_from_when_it_is_told_to_until_it_is_removed(platform: Platform) -> None:
    """B11: over kept connections too; a new key takes over when it is told to."""
    outbox = await platform.service("outbox")
    async with listening(Scripted()) as server:
        partner, _ = await sender_account(outbox, MailServer(port=server.port), from_address="shop@Signed.example.com")

        async def sent(count: int, *files: AttachmentRef) -> bytes:
            await request(outbox, message(partner, "ann@x.example", attachments=list(files)))
            await settled(outbox, partner, *["SENT"] * count)
            return server.contents[-1]

        added = await call(outbox, partner, "POST", "/domains", 201, {"name": "signed.example.com"})
        first = added["waiting"]
        assert added["signing"] is None
        assert first["name"].endswith("._domainkey.signed.example.com")
        assert await call(outbox, partner, "POST", "/domains", 201, {"name": "signed.example.com"}) == added
        assert b"DKIM-Signature" not in await sent(1)
        signing = await call(outbox, partner, "POST", "/domains/signed.example.com/sign", 200)
        assert (signing["signing"], signing["waiting"]) == (first, None)
        assert is_good(await sent(2), first)
        headers = outbox.tokens.headers(partner) | {"Content-Type": "text/plain"}
        upload = await outbox.http.post("/attachments?name=x", content=bytes(1_000_000), headers=headers)
        assert is_good(await sent(3, AttachmentRef(id=upload.json()["id"])), first)
        second = (await call(outbox, partner, "POST", "/domains", 201, {"name": "signed.example.com"}))["waiting"]
        assert second != first
        assert is_good(await sent(4), first)
        await call(outbox, partner, "POST", "/domains/signed.example.com/sign", 200)
        last = await sent(5)
        assert is_good(last, second)
        assert not is_good(last, first)
        await call(outbox, partner, "POST", "/domains/signed.example.com/sign", 409)
        [listed] = await call(outbox, partner, "GET", "/domains", 200)
        assert (listed["signing"], listed["waiting"]) == (second, None)
        await call(outbox, partner, "DELETE", "/domains/signed.example.com", 204)
        assert b"DKIM-Signature" not in await sent(6)


async def test_a_private_key_is_sealed_and_never_shown(platform: Platform) -> None:
    """B11: neither in an answer, nor in a log, nor readable in the database."""
    outbox, partner = await platform.service("outbox"), unique("prt")
    await call(outbox, partner, "POST", "/domains", 201, {"name": "sealed.example.com"})
    kept = await outbox.database["domains"].find_one({"partner_id": partner})
    assert kept is not None
    assert kept["waiting"]["private"].startswith("k1.")
    assert "PRIVATE KEY" not in str(kept)
    listed = await outbox.http.get("/domains", headers=outbox.tokens.headers(partner))
    assert kept["waiting"]["private"] not in listed.text + outbox.log_text()
    assert "PRIVATE KEY" not in listed.text + outbox.log_text()


async def test_a_key_that_cannot_be_read_lets_no_mail_leave_unsigned(platform: Platform, mail: MailServer) -> None:
    """B9, B11: receivers might refuse it for good; the account says what the matter is."""
    outbox, domain = await platform.service("outbox"), f"{unique('d').replace('_', '-')}.example.com"
    partner, _ = await sender_account(outbox, mail, from_address=f"shop@{domain}")
    await call(outbox, partner, "POST", "/domains", 201, {"name": domain})
    await call(outbox, partner, "POST", f"/domains/{domain}/sign", 200)
    await outbox.database["domains"].update_one({"name": domain}, {"$set": {"signing.private": "gone.AAAA"}})
    await request(outbox, message(partner, "ann@x.example"))

    async def says_so() -> bool:
        [row] = await settled(outbox, partner, "WAITING")
        return row["error"] == f"the key that mails of {domain} are signed with cannot be read any more: make another"

    await eventually(says_so)


async def test_another_partners_domain_does_not_exist(platform: Platform) -> None:
    """F1: two partners may have a key each for the same name; neither sees the other's."""
    outbox, one, other = await platform.service("outbox"), unique("prt"), unique("prt")
    await call(outbox, one, "POST", "/domains", 201, {"name": "shared.example.com"})
    assert await call(outbox, other, "GET", "/domains", 200) == []
    await call(outbox, other, "POST", "/domains/shared.example.com/sign", 404)
    await call(outbox, other, "DELETE", "/domains/shared.example.com", 404)
    for wrong in ("", "x", "-a.example", "a b.example", "a.example/../x", "żółw.example"):
        await call(outbox, one, "POST", "/domains", 422, {"name": wrong})
