"""The SMTP transaction, word for word, against a server that pipelines and one that does not (B2, B10, B11)."""

import asyncio
from contextlib import suppress
from typing import Any

import pytest

from outbox.channels import Refused, Stale
from outbox.connect import Network, connect, is_public
from outbox.domain import Answer, Outcome
from outbox.mime import Mail
from outbox.replies import Replies
from outbox.smtp import Connection, Patience
from outbox.via import Smtp
from tests.outbox.scripted import HANG_UP, Scripted, listening
from tests.support.eventually import eventually

NETWORK = Network(frozenset({"127.0.0.1"}))
BOTH = pytest.mark.parametrize("extensions", [("PIPELINING",), ("8BITMIME",)], ids=["pipelined", "one by one"])


def mail(**changes: Any) -> Mail:
    fields: Any = {
        "message_id": "m-1",
        "from_address": "shop@kettle.example",
        "from_name": "",
        "to_name": "",
        "html": "",
    }
    return Mail(**(fields | {"to_address": "ann@x.example", "subject": "New order", "text": "Hello"} | changes))


async def connected(server: Scripted, **changes: str) -> Connection:
    smtp = Smtp("127.0.0.1", server.port, changes.get("tls", "none"), changes.get("username"))
    return await connect(smtp, "secret", NETWORK, Patience(5, 5))


async def refusal(server: Scripted, **changes: str) -> Answer:
    with pytest.raises(Refused) as refused:
        await connected(server, **changes)
    return refused.value.answer


@BOTH
@pytest.mark.parametrize(
    ("verb", "reply", "outcome"),
    [
        ("MAIL", "550 5.7.1 not you", Outcome.MESSAGE_REFUSED),
        ("MAIL", "451 4.3.0 busy", Outcome.TRY_AGAIN),
        ("RCPT", "550 5.1.1 no such mailbox", Outcome.RECIPIENT_REFUSED),
        ("RCPT", "450 4.2.0 greylisted", Outcome.TRY_AGAIN),
        ("DATA", "554 5.5.1 no", Outcome.MESSAGE_REFUSED),
        ("DATA", "451 4.3.0 busy", Outcome.TRY_AGAIN),
        (".", "554 5.6.0 looks like spam", Outcome.MESSAGE_REFUSED),
        (".", "452 4.3.1 disk full", Outcome.TRY_AGAIN),
    ],
)
async def test_a_refusal_is_understood_and_the_connection_is_good_for_the_next_mail(
    extensions: tuple[str, ...], verb: str, reply: str, outcome: Outcome
) -> None:
    """B10: nothing of the refused mail is left over, and its answers are not taken for those of the next."""
    async with listening(Scripted({verb: [reply]}, extensions)) as server:
        connection = await connected(server)
        answer = await connection.send(mail(text="first"))
        assert (answer.outcome, answer.reply) == (outcome, reply)
        assert connection.is_open
        assert (await connection.send(mail(text="second"))).outcome is Outcome.SENT
        assert [b"second" in content for content in server.contents] == [True]
        connection.close()


async def test_a_pipelined_refusal_of_the_recipient_gives_the_waiting_server_a_lone_dot() -> None:
    """RFC 2920, 3.1: it said 354 though there is nobody to send it to."""
    async with listening(Scripted({"RCPT": ["550 5.1.1 no such mailbox"]})) as server:
        connection = await connected(server)
        await connection.send(mail())
        assert [line.split()[0] for line in server.heard] == ["EHLO", "MAIL", "RCPT", "DATA", ".", "RSET"]
        assert server.contents == []
        connection.close()


@BOTH
@pytest.mark.parametrize("verb", ["MAIL", "RCPT", "DATA"])
async def test_a_refusal_stands_though_the_server_hangs_up_behind_it(extensions: tuple[str, ...], verb: str) -> None:
    """B10: it ends in ERROR with the provider's words, and is not tried for three days."""
    async with listening(Scripted({verb: f"554 5.7.1 go away{HANG_UP}"}, extensions)) as server:
        connection = await connected(server)
        answer = await connection.send(mail())
        assert (answer.code, answer.reply) == (554, "554 5.7.1 go away")
        assert answer.outcome in (Outcome.MESSAGE_REFUSED, Outcome.RECIPIENT_REFUSED)
        await eventually(lambda: server.open == 0)
        assert not connection.is_open


@BOTH
@pytest.mark.parametrize(("verb", "reply"), [("DATA", "250 2.0.0 fine"), ("MAIL", "354 go on"), ("RCPT", "354 go on")])
async def test_a_strange_success_is_not_taken_for_an_accepted_mail(
    extensions: tuple[str, ...], verb: str, reply: str
) -> None:
    """B2: SENT means that the provider accepted the content, and nothing else does."""
    replies: dict[str, str | list[str]] = {verb: [reply + HANG_UP]}
    async with listening(Scripted(replies, extensions)) as server:
        answer = await (await connected(server)).send(mail())
        assert answer.outcome is Outcome.TRY_AGAIN
        assert server.contents == []


@BOTH
async def test_an_answer_to_the_content_that_is_none_leaves_the_truth_unknown(extensions: tuple[str, ...]) -> None:
    """F6: the server may have the mail, and its next answer is not to the next question."""
    async with listening(Scripted({".": ["354 go on"]}, extensions)) as server:
        connection = await connected(server)
        assert (await connection.send(mail())).outcome is Outcome.UNKNOWN
        assert not connection.is_open


@pytest.mark.parametrize("greeting", ["250 hello", "354 go on"])
async def test_a_server_that_greets_strangely_has_accepted_nothing(greeting: str) -> None:
    """B2."""
    async with listening(Scripted(greeting=greeting)) as server:
        assert (await refusal(server)).outcome is Outcome.TRY_AGAIN


@BOTH
@pytest.mark.parametrize("reply", [HANG_UP, f"421 4.4.2 enough of you{HANG_UP}"], ids=["closed", "421"])
async def test_a_kept_connection_that_ended_costs_no_attempt(extensions: tuple[str, ...], reply: str) -> None:
    """B10: the caller takes a new one; over a new one the same is an answer."""
    async with listening(Scripted({"MAIL": ["250 2.1.0 OK", reply, reply]}, extensions)) as server:
        kept = await connected(server)
        assert (await kept.send(mail())).outcome is Outcome.SENT
        with pytest.raises(Stale):
            await kept.send(mail())
        assert not kept.is_open
        assert (await (await connected(server)).send(mail())).outcome is Outcome.TRY_AGAIN


LONG_LINE = b"250-" + b"x" * 60_000 + b"\r\n"


@pytest.mark.parametrize("said", [b"250 and more\r\n", b"250-and more\r\n", b"x", b"no SMTP\r\n", LONG_LINE])
async def test_a_server_that_talks_without_end_is_hung_up_on(said: bytes) -> None:
    """Fairness: also while nothing is asked, or what it says would fill the memory that all accounts share."""
    hung_up = asyncio.Event()

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            for _ in range(20):
                writer.write(said * (1_000_000 // len(said)))
                await writer.drain()
            return  # it was all heard
        hung_up.set()

    listener = await asyncio.start_server(talk, "127.0.0.1", 0)
    port = listener.sockets[0].getsockname()[1]
    transport, _ = await asyncio.get_running_loop().create_connection(asyncio.Protocol, "127.0.0.1", port)
    connection = Connection(transport, {}, Patience(5, 5))
    await eventually(hung_up.is_set)
    assert not connection.is_open
    listener.close()


async def test_the_next_envelope_goes_out_before_the_answer_to_the_content() -> None:
    """RFC 2920, 3.1: a mail costs one turn instead of two. This server answers only once the next MAIL is there."""
    heard: list[str] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 ready\r\n")
        while line := (await reader.readline()).decode():
            verb = line.split()[0]
            heard.append(verb)
            if verb == "DATA":
                writer.write(b"354 go on\r\n")
                await reader.readuntil(b"\r\n.\r\n")
                following = (await reader.readline()).decode()
                heard.append(f"then {following.split()[0]}")
                writer.write(b"250 2.0.0 accepted\r\n250 2.1.0 OK\r\n")
            else:
                writer.write(b"250-late\r\n250 PIPELINING\r\n" if verb == "EHLO" else b"250 OK\r\n")
        writer.close()

    listener = await asyncio.start_server(serve, "127.0.0.1", 0)
    connection = await connect(
        Smtp("127.0.0.1", listener.sockets[0].getsockname()[1], "none", None), None, NETWORK, Patience(5, 5)
    )
    answer = await connection.send(mail(text="first"), then=mail(text="second"))
    assert answer.reply == "250 2.0.0 accepted"
    assert heard[:5] == ["EHLO", "MAIL", "RCPT", "DATA", "then MAIL"]
    assert connection.is_open
    connection.close()
    listener.close()


@BOTH
@pytest.mark.parametrize(
    ("replies", "outcomes"),
    [
        ({}, [Outcome.SENT, Outcome.SENT, Outcome.SENT]),
        ({".": ["554 5.6.0 spam"]}, [Outcome.MESSAGE_REFUSED, Outcome.SENT, Outcome.SENT]),
        ({"RCPT": ["250 OK", "550 5.1.1 gone"]}, [Outcome.SENT, Outcome.RECIPIENT_REFUSED, Outcome.SENT]),
        ({"MAIL": ["250 OK", "451 4.3.0 busy"]}, [Outcome.SENT, Outcome.TRY_AGAIN, Outcome.SENT]),
    ],
    ids=["all taken", "content refused", "next recipient refused", "next sender deferred"],
)
async def test_mails_one_behind_the_other_each_get_their_own_answer(
    extensions: tuple[str, ...], replies: dict[str, str | list[str]], outcomes: list[Outcome]
) -> None:
    """B2, B10: whatever becomes of one, the answers of the others are theirs."""
    async with listening(Scripted({verb: list(said) for verb, said in replies.items()}, extensions)) as server:
        connection = await connected(server)
        first, second, third = (mail(text=text) for text in ("first", "second", "third"))
        answers = [
            await connection.send(first, then=second),
            await connection.send(second, then=third),
            await connection.send(third),
        ]
        assert [answer.outcome for answer in answers] == outcomes
        sent = [
            text for text, outcome in zip((b"first", b"second", b"third"), outcomes, strict=True) if outcome == "sent"
        ]
        assert [text for content in server.contents for text in sent if text in content] == sent
        assert len(server.contents) == len(sent)
        connection.close()


@pytest.mark.parametrize(
    ("reply", "outcome"), [(HANG_UP, Outcome.UNKNOWN), (f"250 2.0.0 OK{HANG_UP}", Outcome.SENT)], ids=["lost", "taken"]
)
async def test_what_was_only_begun_when_the_connection_ended_was_not_tried(reply: str, outcome: Outcome) -> None:
    """B10: the truth about the first may be unknown, that about the second is not."""
    async with listening(Scripted({".": [reply]})) as server:
        connection = await connected(server)
        first, second = mail(text="first"), mail(text="second")
        assert (await connection.send(first, then=second)).outcome is outcome
        await eventually(lambda: not connection.is_open)
        with pytest.raises(Stale):
            await connection.send(second)
        assert not any(b"second" in content for content in server.contents)


async def test_another_mail_than_the_one_begun_needs_a_new_connection() -> None:
    """Nobody gets what was meant for somebody else."""
    async with listening(Scripted()) as server:
        connection = await connected(server)
        assert (await connection.send(mail(text="first"), then=mail(text="second"))).outcome is Outcome.SENT
        with pytest.raises(Stale):
            await connection.send(mail(text="third", to_address="eve@x.example"))
        assert not connection.is_open
        assert len(server.contents) == 1


@BOTH
async def test_silence_after_the_content_leaves_the_truth_unknown(extensions: tuple[str, ...]) -> None:
    """B10: also over a kept connection, which is never taken for stale then."""
    async with listening(Scripted({".": ["250 2.0.0 OK", HANG_UP]}, extensions)) as server:
        connection = await connected(server)
        assert (await connection.send(mail())).outcome is Outcome.SENT
        assert (await connection.send(mail())).outcome is Outcome.UNKNOWN


async def test_a_part_of_an_answer_in_the_very_moment_when_patience_ends_does_not_prolong_it() -> None:
    """B10: a server that lets its answer trickle would hold the message for as long as it likes."""
    replies = Replies(asyncio.Transport())
    async with asyncio.timeout(5):
        asyncio.get_running_loop().call_soon(replies.data_received, b"25")
        with pytest.raises(TimeoutError):
            await replies.next(0)


async def test_a_connection_over_which_something_unasked_came_is_not_used_again() -> None:
    """A server says 421 before it closes an idle connection; that is no answer to the next mail."""
    async with listening(Scripted({"MAIL": ["250 2.1.0 OK\r\n250 2.1.5 OK\r\n354 go on\r\n421 4.4.2 idle"]})) as server:
        connection = await connected(server)
        await connection.send(mail())
        assert not connection.is_open


async def test_a_refused_sign_in_says_why_and_leaves_no_connection_open() -> None:
    """B9, B11."""
    replies: dict[str, str | list[str]] = {"AUTH": "535 5.7.8 bad credentials"}
    async with listening(Scripted(replies, ("AUTH PLAIN",))) as server:
        for _ in range(3):
            answer = await refusal(server, username="shop")
            assert (answer.outcome, answer.reply) == (Outcome.ACCOUNT_REFUSED, "535 5.7.8 bad credentials")
        await eventually(lambda: server.open == 0)


@pytest.mark.parametrize("told", ["secret", "c2VjcmV0", "AGFubgBzZWNyZXQ="], ids=["open", "by LOGIN", "by PLAIN"])
async def test_a_server_that_repeats_what_it_was_told_gives_no_secret_away(told: str) -> None:
    """B11: whoever sees the box would read it, however much stands before it."""
    reply = f'500 5.5.1 {"x" * 460} unrecognized: "AUTH PLAIN {told}"'
    async with listening(Scripted({"AUTH": reply}, ["AUTH PLAIN"])) as server:
        assert (await refusal(server, username="ann")).reply.endswith('AUTH PLAIN …"')
    async with listening(Scripted({"AUTH": f'500 unrecognized: "{told}"'}, ["AUTH PLAIN"])) as server:
        assert (await refusal(server, username="ann")).reply == '500 unrecognized: "…"'


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"tls": "starttls"}, "does not offer what the account asks for"),
        ({"username": "shop"}, "does not offer what the account asks for"),
        ({"tls": "tls"}, "does not speak TLS"),
    ],
)
async def test_what_a_server_does_not_offer_is_said_in_words(changes: dict[str, str], words: str) -> None:
    """B9: whoever reads it knows what to change."""
    async with listening(Scripted()) as server:
        assert words in (await refusal(server, **changes)).reply


async def test_a_closed_port_is_said_in_words() -> None:
    """B9."""
    async with listening(Scripted()) as server:
        port = server.port
    assert (await refusal(Scripted(port=port))).reply == "127.0.0.1 does not answer at this port"


async def test_the_size_is_announced_where_it_is_asked_for() -> None:
    """RFC 1870: a mail that is too big is refused before it is sent."""
    async with listening(Scripted(extensions=("PIPELINING", "SIZE 1000000"))) as server:
        connection = await connected(server)
        await connection.send(mail(text="Hello\n"))
        [asked] = [line for line in server.heard if line.startswith("MAIL")]
        [content] = server.contents
        assert asked == f"MAIL FROM:<shop@kettle.example> SIZE={len(content)}"
        connection.close()


@pytest.mark.parametrize("changes", [{}, {"return_path": "bounce+m-1.1@bounces.example"}])
async def test_a_sender_that_is_not_ascii_needs_smtputf8_and_no_recipient_is_to_blame(changes: dict[str, str]) -> None:
    """RFC 6531: for the header too, where the envelope is from another. A8: the recipient's address is not wrong."""
    async with listening(Scripted()) as server:
        answer = await (await connected(server)).send(mail(from_address="żółw@kettle.example", **changes))
        assert (answer.outcome, server.count("MAIL")) == (Outcome.ACCOUNT_REFUSED, 0)
        assert not answer.refuses_account, "the server did not say so"
    async with listening(Scripted(extensions=("SMTPUTF8",))) as server:
        answer = await (await connected(server)).send(mail(from_address="żółw@kettle.example", **changes))
        assert answer.outcome is Outcome.SENT
        assert "SMTPUTF8" in next(line for line in server.heard if line.startswith("MAIL"))


@pytest.mark.parametrize("address", ["ann@-ż.example", "ann@ż..example", "ann@x.example>\r\nRCPT TO:<eve@x.example"])
async def test_an_impossible_address_is_refused_without_a_word_to_the_server(address: str) -> None:
    """B10: and injects nothing."""
    async with listening(Scripted()) as server:
        connection = await connected(server)
        assert (await connection.send(mail(to_address=address))).outcome is Outcome.RECIPIENT_REFUSED
        assert server.count("MAIL") == server.count("RCPT") == 0
        connection.close()


@pytest.mark.parametrize(
    "address",
    [
        *("127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0"),
        *("224.0.0.1", "255.255.255.255", "::1", "::", "fe80::1", "fc00::1", "ff02::1", "::ffff:10.0.0.1"),
        *("64:ff9b::10.0.0.1", "64:ff9b::7f00:1", "2002:7f00:1::", "2002:a00:1::"),
        *("fec0::1", "64:ff9b:1::a00:1", "::10.0.0.1", "::ffff:0:a00:1"),
    ],
)
def test_an_inner_address_is_not_public_however_it_is_wrapped(address: str) -> None:
    """B11."""
    assert not is_public(address)


@pytest.mark.parametrize("address", ["8.8.8.8", "2a00:1450:4001::1", "64:ff9b::8.8.8.8", "::ffff:8.8.8.8"])
def test_an_outer_address_is_public(address: str) -> None:
    assert is_public(address)
