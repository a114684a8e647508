"""What providers say in no encoding at all costs nobody anything (B2, B9, B10)."""

from tests.outbox.scripted import Scripted
from tests.outbox.scripted import listening as mail_server
from tests.outbox.texting import add_account, http_fields, sms
from tests.support import gateways
from tests.support.eventually import eventually, unique
from tests.support.gateways import Gateway
from tests.support.mail import MailServer
from tests.support.messages import box, message, request, sender_account, settled
from tests.support.platform import Platform


async def test_a_refusal_in_another_encoding_stops_no_other_mail(platform: Platform, mail: MailServer) -> None:
    """B9: the words of a server that speaks Latin-2 are shown as far as they can be read."""
    outbox = await platform.service("outbox", instance="latin", LEASE_SECONDS="1")
    words = b"535 5.7.8 b\xb3\xb1d logowania".decode("utf-8", "surrogateescape")
    async with mail_server(Scripted({"AUTH": words}, ("AUTH PLAIN",))) as server:
        partner, account = await sender_account(outbox, server, username="shop", password="wrong")
        await request(outbox, message(partner, f"{unique('ann')}@x.example"))

        async def is_told() -> bool:
            rows = await box(outbox, partner)
            return [(one["status"], one["error"]) for one in rows] == [("WAITING", "535 5.7.8 b??d logowania")]

        await eventually(is_told)
        other, _ = await sender_account(outbox, mail)
        await request(outbox, message(other, f"{unique('bob')}@x.example"))
        await settled(outbox, other, "SENT")
        tested = await outbox.http.post(f"/accounts/{account}/test", headers=outbox.tokens.headers(partner))
        assert tested.json() == {"works": False, "words": "535 5.7.8 b??d logowania"}


async def test_half_a_character_from_a_gateway_stops_no_other_text(platform: Platform) -> None:
    """B2: JSON can name what is no character; it is kept as its own id as far as it can be."""
    outbox = await platform.service("outbox", instance="halves", LEASE_SECONDS="1")
    async with gateways.listening(Gateway()) as gateway:
        partner, _ = await add_account(outbox, http_fields(gateway))
        strange, usual = sms(partner), sms(partner)
        body = rb'{"result": {"id": "gw-\ud800"}}'
        gateway.script[strange.recipient.address] = [gateways.Scripted(202, body, after=True)]
        await request(outbox, strange, usual)
        await settled(outbox, partner, "SENT", "SENT")
        assert len(gateway.accepted) == 2
