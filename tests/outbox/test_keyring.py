"""A new key in the ring: the command that seals everything with it, beside live services (B11)."""

import asyncio
import base64

from tests.outbox.scripted import HANG_UP, Scripted, listening
from tests.outbox.test_account_stops import try_account
from tests.outbox.test_domains import call, is_good
from tests.outbox.test_reports import report, reporting
from tests.outbox.texting import problem
from tests.outbox.token_endpoint import Client, TokenEndpoint, tokens_shown
from tests.support import gateways
from tests.support.messages import message, request, sender_account, settled
from tests.support.platform import Platform
from tests.support.rotation import BOTH, NEWER, give_ring, rotate, sealed_values

DOMAIN = "kettle.example.com"
PASSWORD = "canary-password"


async def test_everything_is_sealed_with_a_new_key_while_mails_leave_and_the_old_key_can_go(platform: Platform) -> None:
    """B11: passwords, grants with their access tokens, secrets of reports, and keys of domains, old and new ones."""
    async with (
        gateways.listening(TokenEndpoint()) as endpoint,
        gateways.listening(gateways.Gateway()) as gateway,
        listening(Scripted({".": f"250 2.0.0 OK{HANG_UP}"}, ("AUTH PLAIN XOAUTH2",))) as server,
    ):
        assert isinstance(endpoint, TokenEndpoint)
        outbox = await platform.service("outbox", instance="rotating", OAUTH_TOKEN_HOSTS=endpoint.url)
        client = endpoint.add(Client(secret="canary-client", refresh_token="canary-refresh", rotates=True))
        partner, _ = await sender_account(outbox, server, username="shop", password=PASSWORD)
        by_token = endpoint.account(client, server, is_default=False)
        _, token_account = await sender_account(outbox, server, partner=partner, **by_token)
        _, reporter = await reporting(outbox, gateway, partner)
        await call(outbox, partner, "POST", "/domains", 201, {"name": DOMAIN})
        signing = (await call(outbox, partner, "POST", f"/domains/{DOMAIN}/sign", 200))["signing"]
        waiting = (await call(outbox, partner, "POST", "/domains", 201, {"name": DOMAIN}))["waiting"]

        await give_ring(outbox, BOTH)
        before = await sealed_values(outbox)
        checked = await rotate(outbox, "--check")
        assert (checked.code, checked.older, sum(checked.renewed.values())) == (1, before, 0)
        assert await sealed_values(outbox) == before
        await request(outbox, *(message(partner, f"ann{number}@x.example") for number in range(40)))
        done, works = await asyncio.gather(rotate(outbox), try_account(outbox, partner, token_account))
        assert works["works"]
        assert done.code == 0, done.said
        assert "canary" not in done.said
        assert await sealed_values(outbox) == {place: {"k2": older["k1"]} for place, older in before.items()}
        again = await rotate(outbox)
        assert (again.code, sum(again.renewed.values())) == (0, 0)
        await settled(outbox, partner, *["SENT"] * 40)

        await give_ring(outbox, NEWER)
        assert (await try_account(outbox, partner, token_account))["works"]
        assert len(set(tokens_shown(server))) == 2
        assert (await report(outbox, reporter, b"[]")).status_code == 200
        assert problem(await report(outbox, reporter, b"[]", secret="other")) == (401, "signature-wrong")
        await request(outbox, message(partner, "bob@x.example"))
        await settled(outbox, partner, *["SENT"] * 41)
        assert is_good(server.contents[-1], signing)
        await call(outbox, partner, "POST", f"/domains/{DOMAIN}/sign", 200)
        await request(outbox, message(partner, "eve@x.example"))
        await settled(outbox, partner, *["SENT"] * 42)
        assert is_good(server.contents[-1], waiting)
        assert passwords_shown(server) == {PASSWORD}


def passwords_shown(server: Scripted) -> set[str]:
    shown = [line.split()[2] for line in server.heard if line.upper().startswith("AUTH PLAIN ")]
    return {base64.b64decode(one).decode().split("\0")[2] for one in shown}


async def test_what_no_key_of_the_ring_opens_is_told(platform: Platform) -> None:
    """B11: by the id of the key, and the command ends with 1."""
    outbox = await platform.service("outbox", instance="unreadable")
    await sender_account(outbox, Scripted(port=25), username="shop", password="secret")
    outbox.environment["OUTBOX_KEYRING"] = NEWER
    for options in ((), ("--check",)):
        done = await rotate(outbox, *options)
        assert (done.code, done.renewed["accounts.secret"], done.older["accounts.secret"]) == (1, 0, {"k1": 1})
