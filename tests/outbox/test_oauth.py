"""Accounts that sign in with access tokens (XOAUTH2), which they get by themselves (B9, B11)."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from outbox.domain import Answer, Outcome
from outbox.oauth.domain import FEW_SECONDS, MOST_SECONDS, AccessToken, understand
from tests.outbox.scripted import HANG_UP, Scripted, listening
from tests.outbox.test_account_stops import health, stopped, try_account
from tests.outbox.texting import detail, problem
from tests.outbox.token_endpoint import Client, TokenEndpoint, refusal, tokens_shown
from tests.support import gateways
from tests.support.eventually import eventually, unique
from tests.support.messages import message, request, sender_account, settled
from tests.support.platform import Platform, Service
from tests.support.unheard import unheard

NOT_GOOD = "334 eyJzdGF0dXMiOiI0MDEifQ=="
"""What a server answers to a token that it does not take; to the empty line behind it, it says why."""
WRONG = "535 5.7.8 bad credentials"
FAST = {"STOP_AFTER_REFUSALS": "2", "REFUSED_REST_SECONDS": "0.3", "RETRY_SCHEDULE_SECONDS": "0.1"}


@pytest.fixture(scope="module")
async def endpoint() -> AsyncIterator[TokenEndpoint]:
    async with gateways.listening(TokenEndpoint(delay=0.05)) as made:
        assert isinstance(made, TokenEndpoint)
        yield made


@pytest.fixture(scope="module")
async def outbox(platform: Platform, endpoint: TokenEndpoint) -> Service:
    return await platform.service("outbox", instance="oauth", OAUTH_TOKEN_HOSTS=endpoint.url, **FAST)


def mail_server(**replies: str | list[str]) -> Scripted:
    """One that takes access tokens only, and hangs up after each mail, so that the next one signs in again."""
    usual: dict[str, str | list[str]] = {".": f"250 2.0.0 OK{HANG_UP}", "": WRONG}
    return Scripted(usual | replies, ("AUTH XOAUTH2 PLAIN",))


async def send(outbox: Service, partner: str, count: int = 1) -> None:
    for number in range(count):
        await request(outbox, message(partner, f"ann{number}@x.example"))


async def is_stopped(outbox: Service, partner: str, words: str) -> None:
    """Wait until the account of a partner is stopped, for this reason."""
    await stopped(outbox, partner)

    async def says_why() -> bool:
        return (await health(outbox, partner))["error"] == words

    await eventually(says_why)


def slow() -> gateways.Scripted:
    """A token, after a while, and with it a new refresh token."""
    return gateways.Scripted(200, b'{"access_token": "slow", "refresh_token": "late"}', delay=0.5)


async def test_an_account_signs_in_with_a_token_that_it_keeps(outbox: Service, endpoint: TokenEndpoint) -> None:
    """B11: asked for once, as its client, and shown to the mail server for the account's user."""
    client = endpoint.add(Client(secret="client-secret"))
    async with listening(mail_server()) as server:
        partner, _ = await sender_account(outbox, server, **endpoint.account(client, server))
        for count in range(1, 4):
            await send(outbox, partner)
            await settled(outbox, partner, *["SENT"] * count)
        assert tokens_shown(server) == [f"{client.id}/1"] * 3
    [asked] = client.requests
    assert asked.fields == {
        "grant_type": "refresh_token",
        "refresh_token": client.refresh_token,
        "client_id": client.id,
        "client_secret": "client-secret",
    }


async def test_a_token_that_soon_expires_is_not_used(outbox: Service, endpoint: TokenEndpoint) -> None:
    """B11: a minute before its end the next one is asked for."""
    client = endpoint.add(Client(expires_in=59))
    async with listening(mail_server()) as server:
        partner, _ = await sender_account(outbox, server, **endpoint.account(client, server))
        for count in (1, 2):
            await send(outbox, partner)
            await settled(outbox, partner, *["SENT"] * count)
        assert tokens_shown(server) == [f"{client.id}/1", f"{client.id}/2"]


async def test_one_process_at_a_time_asks_and_keeps_the_refresh_token_that_comes_back(
    outbox: Service, endpoint: TokenEndpoint, platform: Platform
) -> None:
    """B11: over replicas; this endpoint takes each refresh token once, and every mail needs a token."""
    replica = await (await platform.apart("oauth")).replica(outbox)
    client, overlaps = endpoint.add(Client(expires_in=1, rotates=True)), endpoint.overlaps
    async with listening(mail_server()) as server:
        fields = endpoint.account(client, server, max_connections=4)
        partner, account = await sender_account(outbox, server, **fields)
        await send(outbox, partner, 20)
        works = await asyncio.gather(*(try_account(one, partner, account) for one in (outbox, replica) * 3))
        assert all(one["works"] for one in works)
        await settled(outbox, partner, *["SENT"] * 20)
    assert len(client.requests) >= 20
    assert endpoint.overlaps == overlaps


async def test_connections_that_begin_together_share_a_token(outbox: Service, endpoint: TokenEndpoint) -> None:
    """B11."""
    client = endpoint.add(Client(answers=[slow()]))
    async with listening(mail_server()) as server:
        partner, account = await sender_account(outbox, server, **endpoint.account(client, server))
        works = await asyncio.gather(*(try_account(outbox, partner, account) for _ in range(5)))
        assert all(one["works"] for one in works)
        assert tokens_shown(server) == ["slow"] * 5
    assert len(client.requests) == 1


async def test_a_kept_token_that_was_taken_back_costs_no_attempt(outbox: Service, endpoint: TokenEndpoint) -> None:
    """B9: the account gets another; only when that one is refused, it is."""
    client = endpoint.add(Client())
    async with listening(mail_server(AUTH=["235 2.7.0 welcome", NOT_GOOD])) as server:
        partner, _ = await sender_account(outbox, server, **endpoint.account(client, server))
        for count in (1, 2):
            await send(outbox, partner)
            rows = await settled(outbox, partner, *["SENT"] * count)
            assert [row["attempts"] for row in rows] == [1] * count
        assert tokens_shown(server) == [f"{client.id}/1", f"{client.id}/1", f"{client.id}/2"]


async def test_a_new_token_that_the_mail_server_refuses_stops_the_account(
    outbox: Service, endpoint: TokenEndpoint
) -> None:
    """B9: with the server's last words, not with the riddle before them."""
    client = endpoint.add(Client())
    async with listening(mail_server(AUTH=NOT_GOOD)) as server:
        partner, _ = await sender_account(outbox, server, **endpoint.account(client, server))
        await send(outbox, partner)
        await is_stopped(outbox, partner, WRONG)


async def test_a_grant_that_was_taken_back_stops_the_account_until_there_is_a_new_one(
    outbox: Service, endpoint: TokenEndpoint
) -> None:
    """B9: the endpoint says why; nothing is tried at the mail server, and all that waited leaves in the end."""
    client = endpoint.add(Client(refresh_token="good"))
    async with listening(mail_server()) as server:
        fields = endpoint.account(client, server)
        partner, account = await sender_account(outbox, server, **fields | {"refresh_token": "bad"})
        await send(outbox, partner)
        await is_stopped(outbox, partner, "400 invalid_grant: expired or revoked")
        assert server.heard == []
        same = {"name": "Shop", "from_address": "shop@kettle.example.com", "host": "127.0.0.1", "tls": "none"}
        headers, url = outbox.tokens.headers(partner), f"/accounts/{account}"
        changed = await outbox.http.put(url, json=same | {"is_default": True} | fields, headers=headers)
        assert changed.status_code == 200, changed.text
        await settled(outbox, partner, "SENT")


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (gateways.Scripted(503, b"<p>busy</p>"), "503 no access token"),
        (refusal(429, "slow_down"), "429 slow_down"),
        (gateways.DROPPED, "127.0.0.1 broke off the conversation"),
    ],
    ids=["busy", "too often", "gone"],
)
async def test_an_endpoint_in_trouble_is_asked_again(
    outbox: Service, endpoint: TokenEndpoint, answer: gateways.Scripted, words: str
) -> None:
    """B10: that is no refusal of the account."""
    client = endpoint.add(Client(answers=[answer] * 3))
    async with listening(mail_server()) as server:
        partner, account = await sender_account(outbox, server, **endpoint.account(client, server))
        assert await try_account(outbox, partner, account) == {"works": False, "words": words}
        await send(outbox, partner)
        await settled(outbox, partner, "SENT")


async def test_a_server_without_xoauth2_is_not_shown_the_token(outbox: Service, endpoint: TokenEndpoint) -> None:
    """B9, B11: nor is it tried as a password."""
    client = endpoint.add(Client())
    async with listening(Scripted(extensions=("AUTH PLAIN LOGIN",))) as server:
        partner, account = await sender_account(outbox, server, **endpoint.account(client, server))
        answer = await try_account(outbox, partner, account)
        assert answer["works"] is False
        assert "does not offer what the account asks for" in answer["words"]
        assert server.count("AUTH") == 0


async def test_tokens_are_asked_for_where_the_operator_allows_only(
    outbox: Service, endpoint: TokenEndpoint, platform: Platform
) -> None:
    """B11: and never in his inner network, whatever a name leads to."""
    client, headers = Client(), outbox.tokens.headers(unique("prt"))
    fields: dict[str, Any] = {"name": "x", "from_address": "a@b.example.com", "host": "127.0.0.1", "tls": "none"}
    fields |= endpoint.account(client, Scripted(port=25))
    for url in ("https://127.0.0.1/token", "http://127.0.0.1:1/token", "http://oauth2.googleapis.com/token"):
        oauth = {"token_url": url, "client_id": "x"}
        refused = await outbox.http.post("/accounts", json=fields | {"oauth": oauth}, headers=headers)
        assert problem(refused) == (422, "url-refused"), url
    hosts = {"OAUTH_TOKEN_HOSTS": "localhost", "GATEWAY_ALLOWED_INNER_HOSTS": ""}
    strict = await platform.service("outbox", instance="strict-oauth", **hosts)
    oauth = {"token_url": "https://localhost/token", "client_id": "x"}
    partner, account = await sender_account(strict, Scripted(port=25), **fields | {"oauth": oauth})
    assert await try_account(strict, partner, account) == {
        "works": False,
        "words": "localhost is inside the operator's network",
    }


@pytest.mark.parametrize(
    "change",
    [
        {"password": "secret"},
        {"username": None},
        {"oauth": None},
        {"refresh_token": None, "client_secret": "secret"},
        {"refresh_token": "\ud800"},
        {"client_secret": "\ud800"},
        {"oauth": {"token_url": "ftp://x.example/token", "client_id": "x"}},
        {"oauth": {"token_url": "https://x.example/token", "client_id": "two words"}},
    ],
    ids=lambda change: next(iter(change)),
)
async def test_what_does_not_fit_together_is_refused(
    outbox: Service, endpoint: TokenEndpoint, change: dict[str, Any]
) -> None:
    """B11: what is half a character could be shown to no endpoint, and was tried for ever."""
    fields = {"name": "x", "from_address": "a@b.example.com", "host": "127.0.0.1", "tls": "none"}
    fields |= endpoint.account(Client(), Scripted(port=25)) | change
    headers = outbox.tokens.headers("prt_x") | {"Content-Type": "application/json"}
    answer = await outbox.http.post("/accounts", content=json.dumps(fields), headers=headers)
    assert problem(answer) == (422, "invalid")


async def test_a_kept_refresh_token_never_goes_to_another_endpoint(outbox: Service, endpoint: TokenEndpoint) -> None:
    """B11: nor for another client; what is shown of the account can be sent back, and changes nothing."""
    client = endpoint.add(Client(secret="client-secret"))
    async with listening(mail_server()) as server:
        partner, account = await sender_account(outbox, server, **endpoint.account(client, server))
        headers, url = outbox.tokens.headers(partner), f"/accounts/{account}"
        [shown] = (await outbox.http.get("/accounts", headers=headers)).json()
        same = {name: value for name, value in shown.items() if name != "id" and not name.startswith("has_")}
        assert (await outbox.http.put(url, json=same, headers=headers)).json() == shown
        for change in ({"token_url": f"{endpoint.url}/other"}, {"client_id": "other"}):
            oauth = same["oauth"] | change
            refused = await outbox.http.put(url, json=same | {"oauth": oauth}, headers=headers)
            assert problem(refused) == (422, "password-needed"), change
        refused = await outbox.http.put(url, json=same | {"oauth": None}, headers=headers)
        assert problem(refused) == (422, "password-needed")
        assert (await try_account(outbox, partner, account))["works"]


async def test_a_new_refresh_token_is_kept_though_the_database_was_away_when_it_came(platform: Platform) -> None:
    """B11, F6: the endpoint takes the old one no more, so nobody could sign in again without a new consent."""
    async with (
        unheard(platform.mongo_url, b"asking.turn", arrives=False, times=2) as way,
        gateways.listening(TokenEndpoint()) as endpoint,
        listening(mail_server()) as server,
    ):
        assert isinstance(endpoint, TokenEndpoint)
        hosts = {"OAUTH_TOKEN_HOSTS": endpoint.url, "MONGO_URL": way.url, **FAST}
        outbox = await platform.service("outbox", instance="oauth-away", **hosts)
        client = endpoint.add(Client(rotates=True, expires_in=0))
        partner, _ = await sender_account(outbox, server, **endpoint.account(client, server))
        await send(outbox, partner, 2)
        await settled(outbox, partner, "SENT", "SENT")
        assert way.times == 0
        await outbox.stop()


async def test_a_new_refresh_token_is_not_lost_to_one_that_comes_back_late(
    outbox: Service, endpoint: TokenEndpoint
) -> None:
    """B11: somebody gave it while an access token was asked for with the old one."""
    client = endpoint.add(Client(refresh_token="old", answers=[slow()]))
    async with listening(mail_server()) as server:
        fields = endpoint.account(client, server)
        partner, account = await sender_account(outbox, server, **fields)
        late = asyncio.create_task(try_account(outbox, partner, account))
        await eventually(lambda: client.requests)
        client.refresh_token = "new"
        same = {"name": "Shop", "from_address": "shop@kettle.example.com", "host": "127.0.0.1", "tls": "none"}
        headers, url = outbox.tokens.headers(partner), f"/accounts/{account}"
        changed = await outbox.http.put(url, json=same | fields | {"refresh_token": "new"}, headers=headers)
        assert changed.status_code == 200, changed.text
        await late
        assert (await try_account(outbox, partner, account))["works"]
        assert client.requests[-1].fields["refresh_token"] == "new"


async def test_secrets_and_tokens_are_in_no_answer_log_or_span(platform: Platform) -> None:
    """B11: nor readable in the database, nor when the endpoint repeats them."""
    async with gateways.listening(TokenEndpoint()) as endpoint, listening(mail_server()) as server:
        assert isinstance(endpoint, TokenEndpoint)
        hosts = {"OAUTH_TOKEN_HOSTS": endpoint.url, "OTEL_TRACES_EXPORTER": "console", **FAST}
        outbox = await platform.service("outbox", instance="oauth-spans", **hosts)
        client = endpoint.add(
            Client("canary", secret="canary-secret", refresh_token="canary-refresh" * 60, rotates=True)
        )
        repeated = f"not {client.refresh_token} of {client.secret}"
        client.answers = [refusal(400, "invalid_grant", repeated)]
        partner, account = await sender_account(outbox, server, **endpoint.account(client, server))
        said = await try_account(outbox, partner, account)
        assert said["words"] == "400 invalid_grant: not … of …"
        wanted = message(partner, "ann@x.example")
        client.answers = [refusal(400, "invalid_grant", repeated)]
        trace = f"00-{'1' * 32}-00f067aa0ba902b7-01"
        await outbox.io.publish(wanted, event_id=wanted.message_id, trace=trace)
        await settled(outbox, partner, "SENT")
        headers = outbox.tokens.headers(partner)
        pages = [(await outbox.http.get(url, headers=headers)).text for url in ("/accounts", "/accounts/health")]
        pages += [str(await detail(outbox, partner, wanted.message_id)), str(said)]
        stored = [str(one) async for one in outbox.database["accounts"].find()]
        stored += [str(one) async for one in outbox.database["messages"].find()]
        await outbox.stop()
        everything = outbox.log_text() + "".join(pages + stored)
        assert wanted.message_id in everything
        for secret in ("canary-secret", "canary-refresh", client.refresh_token, *tokens_shown(server)):
            assert secret not in everything, secret


@pytest.mark.parametrize(
    ("status", "body", "meaning"),
    [
        (200, b'{"access_token": "t"}', AccessToken("t", FEW_SECONDS)),
        (200, b'{"access_token": "t", "expires_in": "90"}', AccessToken("t", 90.0)),
        (200, b'{"access_token": "t", "expires_in": 1e400, "refresh_token": ""}', AccessToken("t", MOST_SECONDS)),
        (200, b'{"access_token": "t", "expires_in": -1, "refresh_token": "r"}', AccessToken("t", 0.0, "r")),
        (200, b'{"access_token": "two words"}', Outcome.ACCOUNT_REFUSED),
        (200, b"[[[", Outcome.ACCOUNT_REFUSED),
        (200, b"[]", Outcome.ACCOUNT_REFUSED),
        (302, b"", Outcome.ACCOUNT_REFUSED),
        (400, b'{"error": "invalid_grant"}', Outcome.ACCOUNT_REFUSED),
        (400, b'{"error": "temporarily_unavailable"}', Outcome.TRY_AGAIN),
        (401, b'{"error": {"code": 1}}', Outcome.ACCOUNT_REFUSED),
        (408, b"", Outcome.TRY_AGAIN),
        (500, b"\xff", Outcome.TRY_AGAIN),
    ],
)
def test_what_an_endpoint_answers_is_understood(status: int, body: bytes, meaning: AccessToken | Outcome) -> None:
    """B10: RFC 6749, 5.1 and 5.2; and what no endpoint should say."""
    found = understand(status, body)
    assert (found.outcome if isinstance(found, Answer) else found) == meaning
