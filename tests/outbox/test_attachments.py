"""Files that go with mails, from their upload to the recipient (B1, B12)."""

import asyncio
import hashlib
from collections.abc import AsyncIterator
from typing import Any

import httpx
import psutil
import pytest

from common.events import AttachmentRef, MessageFailed
from tests.outbox.files import files
from tests.outbox.scripted import HANG_UP, Scripted, listening
from tests.support.eventually import eventually, unique
from tests.support.mail import MailServer
from tests.support.messages import box, message, request, sender_account, settled
from tests.support.platform import Platform, Service

PDF = b"%PDF-1.7 " + bytes(range(256)) * 20
LARGE = 20_000_000


async def put(
    outbox: Service, partner: str, content: Any = PDF, name: str = "invoice.pdf", kind: str = "application/pdf"
) -> httpx.Response:
    """Upload a file of `partner`."""
    headers = outbox.tokens.headers(partner) | {"Content-Type": kind}
    return await outbox.http.post("/attachments", content=content, params={"name": name}, headers=headers)


async def uploaded(outbox: Service, partner: str, *content: Any) -> str:
    """The id of a file that was uploaded."""
    answer = await put(outbox, partner, *content)
    assert answer.status_code == 201, answer.text
    return answer.json()["id"]


def problem(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["type"].rpartition("/")[2]


async def stored(outbox: Service, partner: str) -> tuple[int, int, int]:
    """Files of a partner, their chunks, and what is unfinished."""
    names = ("attachments.files", "attachments.chunks", "unfinished")
    files, chunks, unfinished = [await outbox.database[one].count_documents({"partner_id": partner}) for one in names]
    return files, chunks, unfinished


async def test_an_uploaded_file_goes_with_the_mail_and_is_in_the_box(platform: Platform, mail: MailServer) -> None:
    """B1, B12: the bytes as they were, their name, type and size; kept once, however often they are sent."""
    outbox = await platform.service("outbox")
    partner, _ = await sender_account(outbox, mail)
    answer = await put(outbox, partner)
    expected = {"id": hashlib.sha256(PDF).hexdigest(), "name": "invoice.pdf", "type": "application/pdf"}
    assert (answer.status_code, answer.json()) == (201, expected | {"size": len(PDF)})
    assert (await put(outbox, partner)).json() == answer.json()
    csv = await uploaded(outbox, partner, b"a;b\n", "lines.csv", "text/csv; charset=utf-8")
    refs = [AttachmentRef(id=expected["id"], name="Faktura żółta.pdf"), AttachmentRef(id=csv)]
    ann, ben = f"{unique('ann')}@x.example", f"{unique('ben')}@x.example"
    await request(outbox, *(message(partner, one, attachments=refs) for one in (ann, ben)))
    row, _ = await settled(outbox, partner, "SENT", "SENT")
    shown = [("Faktura żółta.pdf", "application/pdf", len(PDF)), ("lines.csv", "text/csv", 4)]
    assert [(one["name"], one["type"], one["size"]) for one in row["attachments"]] == shown
    for address in (ann, ben):
        [received] = mail.to(address)
        files = list(received.message.iter_attachments())
        assert [(one.get_filename(), one.get_content_type()) for one in files] == [one[:2] for one in shown]
        assert [one.get_payload(decode=True) for one in files] == [PDF, b"a;b\n"]
        body = received.message.get_body(("html",))
        assert body is not None
        assert body.get_content().strip() == "<p>Hello</p>"
    assert await stored(outbox, partner) == (2, 2, 0)


async def test_a_download_is_the_bytes_and_never_a_page(platform: Platform, mail: MailServer) -> None:
    """B12: a browser saves it, whatever is in it."""
    outbox = await platform.service("outbox")
    partner, _ = await sender_account(outbox, mail)
    file = await uploaded(outbox, partner, b"<script>", "Żółw; x.txt", "text/plain")
    await request(outbox, message(partner, "ann@x.example", attachments=[AttachmentRef(id=file)]))
    [row] = await settled(outbox, partner, "SENT")
    url, headers = f"/messages/{row['id']}/attachments", platform.tokens.headers(partner)
    answer = await outbox.http.get(f"{url}/1", headers=headers)
    assert (answer.status_code, answer.content) == (200, b"<script>")
    assert answer.headers["Content-Disposition"] == "attachment; filename*=UTF-8''%C5%BB%C3%B3%C5%82w%3B%20x.txt"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Content-Length"] == "8"
    for wrong in ("0", "2", "-1"):
        assert problem(await outbox.http.get(f"{url}/{wrong}", headers=headers)) == (404, "attachment-unknown")
    stranger = await outbox.http.get(f"{url}/1", headers=platform.tokens.headers(unique("prt")))
    assert problem(stranger) == (404, "message-unknown")
    detail = (await outbox.http.get(f"/messages/{row['id']}", headers=headers)).json()
    assert [one["name"] for one in detail["attachments"]] == ["Żółw; x.txt"]
    export = await outbox.http.get("/messages.csv", headers=headers)
    assert "Żółw; x.txt" in export.text


async def test_what_is_refused_leaves_nothing_behind(platform: Platform) -> None:
    """B12: never half stored."""
    outbox = await platform.service("outbox", instance="attachments", ATTACHMENT_MOST_BYTES="2000000")
    partner = unique("prt")

    async def too_much() -> AsyncIterator[bytes]:
        for _ in range(30):
            yield bytes(100_000)

    assert problem(await put(outbox, partner, kind="application/x-msdownload")) == (415, "attachment-type-refused")
    assert problem(await put(outbox, partner, kind="")) == (415, "attachment-type-refused")
    assert problem(await put(outbox, partner, name=" ")) == (422, "name-needed")
    assert problem(await put(outbox, partner, bytes(2_000_001))) == (413, "attachment-too-large")
    assert problem(await put(outbox, partner, too_much())) == (413, "attachment-too-large")
    assert await stored(outbox, partner) == (0, 0, 0)
    assert (await put(outbox, partner, bytes(2_000_000))).status_code == 201


async def test_an_upload_that_is_cut_off_leaves_nothing_behind_and_is_no_mistake_of_ours(platform: Platform) -> None:
    """B12: whoever watches the log would look for one."""
    outbox, partner = await platform.service("outbox"), unique("prt")

    async def has_begun() -> bool:
        return await stored(outbox, partner) == (0, 1, 1)

    async def is_gone() -> bool:
        return await stored(outbox, partner) == (0, 0, 0)

    async def cut_off() -> AsyncIterator[bytes]:
        yield bytes(300_000)
        await eventually(has_begun)
        raise EOFError

    before = outbox.log_text().count("request_failed")
    with pytest.raises(EOFError):
        await put(outbox, partner, cut_off())
    await eventually(is_gone)
    await uploaded(outbox, partner)
    assert outbox.log_text().count("request_failed") == before


async def test_another_partners_file_is_none_and_the_message_says_so(platform: Platform, mail: MailServer) -> None:
    """B12, B4: refused at once, in words; sent by a resend once the file is there."""
    outbox = await platform.service("outbox")
    partner, _ = await sender_account(outbox, mail)
    content = unique("theirs").encode()
    theirs = await uploaded(outbox, unique("prt"), content)
    address = f"{unique('ann')}@x.example"
    wanted = message(partner, address, attachments=[AttachmentRef(id=theirs, name="x")])
    await request(outbox, wanted)
    [row] = await settled(outbox, partner, "ERROR")
    assert row["error"] == f"the attachment {theirs} is not there: upload it before the message is requested"
    assert row["attachments"] == [{"name": "x", "type": None, "size": None}]
    failed = platform.io.follow(MessageFailed)
    [fact] = await failed.wait_for(lambda one: one.data.message_id == wanted.message_id)
    assert fact.data.reason == "message_refused"
    assert mail.to(address) == []
    url, headers = f"/messages/{row['id']}", platform.tokens.headers(partner)
    assert problem(await outbox.http.get(f"{url}/attachments/1", headers=headers))[0] == 404
    assert await uploaded(outbox, partner, content) == theirs
    assert (await outbox.http.post(f"{url}/resend", headers=headers)).status_code == 200
    [row] = await settled(outbox, partner, "SENT")
    assert row["attachments"] == [{"name": "x.pdf", "type": "application/pdf", "size": len(content)}]


async def test_too_many_or_too_much_is_an_error_in_words(platform: Platform, mail: MailServer) -> None:
    """B12: limits of a message are settings."""
    outbox = await platform.service(
        "outbox", instance="few attachments", ATTACHMENTS_MOST="2", ATTACHMENTS_MOST_BYTES="10"
    )
    partner, _ = await sender_account(outbox, mail)
    ids = [await uploaded(outbox, partner, content) for content in (b"12345", b"123456", b"1")]
    errors = {
        (0, 1): "its attachments have 11 bytes together, and 10 are allowed",
        (0, 1, 2): "it has 3 attachments, and 2 are allowed",
    }
    for numbers, words in errors.items():
        wanted = message(partner, "ann@x.example", attachments=[AttachmentRef(id=ids[number]) for number in numbers])
        await request(outbox, wanted)

        async def ended(message_id: str = wanted.message_id) -> str | None:
            return {row["id"]: row["error"] for row in await box(outbox, partner)}.get(message_id)

        assert await eventually(ended) == words


async def test_a_mail_that_the_server_would_not_take_is_not_tried(platform: Platform) -> None:
    """B12, RFC 1870: it ends in ERROR, and the server has not heard of it."""
    outbox = await platform.service("outbox")
    async with listening(Scripted(extensions=("PIPELINING", "SIZE 100000"))) as server:
        partner, _ = await sender_account(outbox, MailServer(port=server.port))
        file = await uploaded(outbox, partner, bytes(100_000))
        small = await uploaded(outbox, partner, bytes(10_000))
        await request(outbox, message(partner, "ann@x.example", attachments=[AttachmentRef(id=file)]))
        [row] = await settled(outbox, partner, "ERROR")
        assert "and the mail server takes 100000" in row["error"]
        assert server.count("MAIL") == 0
        await request(outbox, message(partner, "ann@x.example", attachments=[AttachmentRef(id=small)]))
        await settled(outbox, partner, "ERROR", "SENT")
        [line] = [line for line in server.heard if line.startswith("MAIL")]
        assert line.endswith(f" SIZE={len(server.contents[0])}")


async def test_mails_with_and_without_files_share_a_connection(platform: Platform) -> None:
    """B12: also where the next envelope goes out behind a file."""
    outbox = await platform.service("outbox")
    async with listening(Scripted()) as server:
        partner = unique("prt")
        file = await uploaded(outbox, partner, bytes(2_000_000))
        refs = [[AttachmentRef(id=file)], []] * 5
        await request(outbox, *(message(partner, "ann@x.example", attachments=one) for one in refs))
        await settled(outbox, partner, *["WAITING"] * 10)
        await sender_account(outbox, MailServer(port=server.port), partner=partner, max_connections=1)
        rows = await settled(outbox, partner, *["SENT"] * 10)
        assert {row["attempts"] for row in rows} == {1}
        assert sorted(len(one) > 2_000_000 for one in server.contents) == [False] * 5 + [True] * 5
        assert server.count("EHLO") == 1


async def test_a_server_that_goes_away_within_a_file_has_no_mail(platform: Platform) -> None:
    """B10, B12: that is no unknown answer: without its end no server keeps a mail."""
    outbox = await platform.service("outbox")
    replies: dict[str, str | list[str]] = {"DATA": [f"354 go on{HANG_UP}"]}
    async with listening(Scripted(replies)) as server:
        partner, _ = await sender_account(outbox, MailServer(port=server.port))
        file = await uploaded(outbox, partner, bytes(5_000_000))
        await request(outbox, message(partner, "ann@x.example", attachments=[AttachmentRef(id=file)]))

        async def tried() -> list[dict[str, Any]]:
            return [row for row in await box(outbox, partner) if row["attempts"]]

        rows: list[dict[str, Any]] = await eventually(tried)
        [row] = rows
        assert (row["possible_duplicate"], row["error"]) == (False, "the mail server closed the connection")


async def test_a_file_that_is_gone_from_the_database_is_no_short_mail(platform: Platform) -> None:
    """B12: a mail is whole or is not sent."""
    outbox = await platform.service("outbox")
    async with listening(Scripted()) as server:
        partner = unique("prt")
        file = await uploaded(outbox, partner, bytes(2_000_000))
        await request(outbox, message(partner, "ann@x.example", attachments=[AttachmentRef(id=file)]))
        await settled(outbox, partner, "WAITING")
        await outbox.database["attachments.chunks"].delete_one({"partner_id": partner, "n": 1})
        await sender_account(outbox, MailServer(port=server.port), partner=partner)

        async def was_tried() -> bool:
            return (await box(outbox, partner))[0]["error"] == "an attachment cannot be read"

        await eventually(was_tried)
        assert server.contents == []


async def test_a_large_file_is_never_whole_in_memory(platform: Platform, mail: MailServer) -> None:
    """B12: 20 MB come in, go out and are downloaded with less than half of that."""
    outbox = await platform.service("outbox", instance="large attachments")
    partner, _ = await sender_account(outbox, mail)
    await uploaded(outbox, partner)
    await request(outbox, message(partner, "ann@x.example"))
    await settled(outbox, partner, "SENT")  # everything is warm
    assert outbox.process is not None
    process = psutil.Process(outbox.process.pid)
    before = most = process.memory_info().rss

    async def watch() -> None:
        nonlocal most
        while True:
            most = max(most, process.memory_info().rss)
            await asyncio.sleep(0.005)

    watching = asyncio.create_task(watch())
    content = b"0123456789abcdef" * (LARGE // 16)

    async def slices() -> AsyncIterator[bytes]:
        for start in range(0, LARGE, 100_000):
            yield content[start : start + 100_000]

    file = await uploaded(outbox, partner, slices())
    address = f"{unique('ann')}@x.example"
    await request(outbox, message(partner, address, attachments=[AttachmentRef(id=file)]))
    row, _ = await settled(outbox, partner, "SENT", "SENT", timeout=60)
    headers = outbox.tokens.headers(partner)
    downloaded = hashlib.sha256()
    async with outbox.http.stream("GET", f"/messages/{row['id']}/attachments/1", headers=headers) as answer:
        async for part in answer.aiter_bytes():
            downloaded.update(part)
    watching.cancel()
    [received] = mail.to(address)
    [sent] = list(received.message.iter_attachments())
    assert sent.get_payload(decode=True) == content
    assert downloaded.hexdigest() == file
    assert most - before < LARGE / 2, f"{(most - before) / 1e6:.1f} MB"


async def test_a_process_that_is_killed_within_an_upload_leaves_nothing_to_see(platform: Platform) -> None:
    """B12, F6: and nothing to keep: what is left of it goes."""
    outbox = await platform.service(
        "outbox", instance="killed upload", ATTACHMENT_SECONDS="0.5", ATTACHMENTS_LOOK_SECONDS="0.1"
    )
    partner, some_is_there = unique("prt"), asyncio.Event()

    async def slowly() -> AsyncIterator[bytes]:
        yield bytes(3_000_000)
        await some_is_there.wait()

    async def has_chunks() -> bool:
        return (await stored(outbox, partner))[1] >= 2

    uploading = asyncio.create_task(put(outbox, partner, slowly()))
    await eventually(has_chunks)
    outbox.kill()
    some_is_there.set()
    with pytest.raises(httpx.HTTPError):
        await uploading
    files, chunks, unfinished = await stored(outbox, partner)
    assert (files, chunks > 0, unfinished) == (0, True, 1)
    await outbox.start()

    async def is_tidy() -> bool:
        return await stored(outbox, partner) == (0, 0, 0)

    await eventually(is_tidy)


async def test_an_upload_that_does_not_come_to_its_end_is_ended(platform: Platform) -> None:
    """B12: it does not hold a place for ever, and leaves nothing."""
    outbox = await platform.service("outbox", instance="slow upload", ATTACHMENT_SECONDS="0.2")
    partner = unique("prt")
    reader, writer = await asyncio.open_connection("127.0.0.1", int(outbox.environment["SERVICE_PORT"]))
    headers = outbox.tokens.headers(partner) | {"Content-Type": "text/plain", "Content-Length": "100", "Host": "x"}
    lines = ["POST /attachments?name=x HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items()), "", "begun"]
    writer.write("\r\n".join(lines).encode())
    assert await asyncio.wait_for(reader.readline(), 10) == b"HTTP/1.1 408 Request Timeout\r\n"
    writer.close()
    assert await stored(outbox, partner) == (0, 0, 0)


async def test_a_file_is_fetched_from_where_its_event_says(platform: Platform, mail: MailServer) -> None:
    """B12: before the attempt, and with the name and type that its host gives it."""
    async with files() as host:
        outbox = await platform.service("outbox", instance="fetching", ATTACHMENT_HOSTS=host.origin)
        partner, _ = await sender_account(outbox, mail)
        host.answers["/faktury/FV%2042.pdf"] = (200, "application/pdf", PDF)
        address = f"{unique('ann')}@x.example"
        ref = AttachmentRef(url=f"{host.origin}/faktury/FV%2042.pdf?token=1")
        await request(outbox, message(partner, address, attachments=[ref]))
        [row] = await settled(outbox, partner, "SENT")
        assert row["attachments"] == [{"name": "FV 42.pdf", "type": "application/pdf", "size": len(PDF)}]
        [received] = mail.to(address)
        assert [one.get_payload(decode=True) for one in received.message.iter_attachments()] == [PDF]


async def test_a_host_that_is_away_is_asked_again_and_a_refusal_is_final(platform: Platform, mail: MailServer) -> None:
    """B10, B12: with the reason in words; no connection of the account stands still meanwhile."""
    async with files() as host:
        outbox = await platform.service(
            "outbox", instance="fetching again", ATTACHMENT_HOSTS=host.origin, RETRY_SCHEDULE_SECONDS="0.1",
            ATTACHMENT_MOST_BYTES="100000",
        )  # fmt: skip
        partner, _ = await sender_account(outbox, mail)
        host.answers["/later"] = (503, "text/plain", b"")
        later = message(partner, "ann@x.example", attachments=[AttachmentRef(url=f"{host.origin}/later", name="x.txt")])
        await request(outbox, later)

        async def row_of(message_id: str) -> dict[str, Any]:
            return next((row for row in await box(outbox, partner) if row["id"] == message_id), {})

        async def was_tried_twice() -> bool:
            row = await row_of(later.message_id)
            return row.get("attempts", 0) >= 2 and row["error"] == "127.0.0.1 answers 503 for an attachment"

        await eventually(was_tried_twice)
        host.answers["/later"] = (200, "text/plain; charset=utf-8", b"here")

        async def is_sent() -> bool:
            return (await row_of(later.message_id))["status"] == "SENT"

        await eventually(is_sent)
        host.answers |= {
            "/large": (200, "text/plain", bytes(100_001)),
            "/program": (200, "application/x-msdownload", b"MZ"),
            "/elsewhere": (302, "text/plain", b""),
        }
        refused = {
            f"{host.origin}/large": "The attachment is too large",
            f"{host.origin}/program": "Files of this type are not sent",
            f"{host.origin}/elsewhere": "127.0.0.1 answers 302",
            f"{host.origin}/missing": "127.0.0.1 answers 404",
            "https://files.example.com/x": "attachments are not fetched from files.example.com",
        }
        for url, words in refused.items():
            wanted = message(partner, "ann@x.example", attachments=[AttachmentRef(url=url)])
            await request(outbox, wanted)

            async def failed(message_id: str = wanted.message_id) -> str | None:
                row = await row_of(message_id)
                return row["error"] if row.get("status") == "ERROR" else None

            assert (await eventually(failed, what=url) or "").startswith(words)


async def test_an_inner_host_is_never_asked_for_a_file(platform: Platform, mail: MailServer) -> None:
    """B12: the same check as for mail servers, though the operator named the host."""
    async with files() as host:
        outbox = await platform.service(
            "outbox", instance="fetching inside", ATTACHMENT_HOSTS=host.origin, SMTP_ALLOWED_INNER_HOSTS=""
        )
        partner, _ = await sender_account(outbox, mail)
        await request(
            outbox, message(partner, "ann@x.example", attachments=[AttachmentRef(url=f"{host.origin}/later")])
        )
        [row] = await settled(outbox, partner, "ERROR")
        assert row["error"] == "127.0.0.1 is inside the operator's network"
        assert host.asked == []


async def test_bytes_go_when_no_message_has_them_any_more(platform: Platform, mail: MailServer) -> None:
    """B12: what no event ever named, and what the last message that had it was deleted with."""
    outbox = await platform.service(
        "outbox", instance="forgotten attachments", ATTACHMENTS_KEPT_HOURS="0.0003", ATTACHMENTS_LOOK_SECONDS="0.1"
    )
    partner, other = unique("prt"), unique("prt")
    file = await uploaded(outbox, partner, b"shared")
    wanted = [message(partner, "ann@x.example", attachments=[AttachmentRef(id=file)]) for _ in range(2)]
    await request(outbox, *wanted)
    await settled(outbox, partner, "WAITING", "WAITING")
    assert await uploaded(outbox, other, b"shared") == file
    await uploaded(outbox, partner, b"named by nobody")

    async def left(count: int, of: str) -> bool:
        return await stored(outbox, of) == (count, count, 0)

    await eventually(lambda: left(0, other))  # the same bytes of another partner are another file
    await eventually(lambda: left(1, partner))
    headers = outbox.tokens.headers(partner)
    assert (await outbox.http.delete(f"/messages/{wanted[0].message_id}", headers=headers)).status_code == 204
    file_of_one = await outbox.database["attachments.files"].find_one({"partner_id": partner})
    assert file_of_one is not None

    async def was_looked_at_again() -> bool:
        found = await outbox.database["attachments.files"].find_one({"partner_id": partner})
        assert found is not None
        return found["wanted_at"] > file_of_one["wanted_at"]

    await eventually(was_looked_at_again)
    await sender_account(outbox, mail, partner=partner)
    await settled(outbox, partner, "SENT")
    assert (await outbox.http.delete(f"/messages/{wanted[1].message_id}", headers=headers)).status_code == 204
    await eventually(lambda: left(0, partner))
