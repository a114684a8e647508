"""Accounts of gateways: what they may name, what is shown of them, and what a test of one says (B11)."""

import json
import ssl
from pathlib import Path
from typing import Any

import pytest
import trustme

from tests.outbox.texting import BODY, add_account, http_fields, number, problem, sms, smsapi_fields
from tests.support.eventually import eventually, unique
from tests.support.gateways import SILENT_AFTER, Gateway, Scripted, listening
from tests.support.messages import box, request, settled
from tests.support.platform import Platform

NOWHERE = Gateway(port=1)


async def test_a_test_of_an_account_says_what_was_checked(platform: Platform) -> None:
    """B11: SMSAPI is asked for the profile; another gateway has no harmless question, and that is said."""
    outbox = await platform.service("outbox")

    async def tried(fields: dict[str, Any]) -> dict[str, Any]:
        partner, account = await add_account(outbox, fields)
        answer = await outbox.http.post(f"/accounts/{account}/test", headers=outbox.tokens.headers(partner))
        return answer.json()

    async with listening(Gateway()) as gateway:
        assert await tried(smsapi_fields(gateway)) == {"works": True, "words": "signed in; 12.5 points are left"}
        wrong = await tried(smsapi_fields(gateway, token="wrong"))
        assert wrong["works"] is False
        assert wrong["words"].startswith("401")
        asked = len(gateway.requests)
        connected = await tried(http_fields(gateway))
        assert connected == {
            "works": True,
            "words": "connected; whether it takes the secret shows with the first message",
        }
        assert len(gateway.requests) == asked
    dead = await tried(http_fields(gateway))
    assert dead == {"works": False, "words": "127.0.0.1 does not answer at this port"}


async def test_what_is_shown_of_an_account_can_be_sent_back(platform: Platform) -> None:
    """B11: without the secret, which stays."""
    outbox = await platform.service("outbox")
    fax = {"via": "fax_by_mail", "name": "Fax", "from_address": "a@b.example.com", "host": "127.0.0.1", "port": 25}
    for fields in (smsapi_fields(NOWHERE), http_fields(NOWHERE), {**fax, "address_pattern": "{number}@fax.example"}):
        partner, account = await add_account(outbox, fields)
        url, headers = f"/accounts/{account}", outbox.tokens.headers(partner)
        [shown] = (await outbox.http.get("/accounts", headers=headers)).json()
        assert shown["has_secret"] is (fields["via"] != "fax_by_mail")
        same = {name: value for name, value in shown.items() if name != "id" and not name.startswith("has_")}
        again = await outbox.http.put(url, json=same, headers=headers)
        assert (again.status_code, again.json()) == (200, shown)


async def test_a_kept_token_never_goes_to_another_gateway(platform: Platform) -> None:
    """B11: nor in another header; and an account keeps its channel and its way."""
    outbox = await platform.service("outbox")
    partner, account = await add_account(outbox, http_fields(NOWHERE))
    headers, url = outbox.tokens.headers(partner), f"/accounts/{account}"
    same = {name: value for name, value in http_fields(NOWHERE).items() if name != "secret"}
    for change in ({"url": "https://evil.example.com/messages"}, {"secret_header": "X-Seen-By-All"}):
        refused = await outbox.http.put(url, json=same | change, headers=headers)
        assert problem(refused) == (422, "password-needed"), change
    for other in (http_fields(NOWHERE, channel="viber"), smsapi_fields(NOWHERE)):
        assert problem(await outbox.http.put(url, json=other, headers=headers)) == (422, "other-kind")
    renamed = await outbox.http.put(url, json=same | {"name": "Renamed"}, headers=headers)
    assert renamed.status_code == 200


@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("http://gateway.example.com/send", "url-refused"),
        ("https://gateway.example.com:8443/send", "port-refused"),
        ("https://gateway.example.com:99999/send", "url-refused"),
        ("https://[0]/send", "url-refused"),
        ("https://user:secret@gateway.example.com/send", "invalid"),
        ("ftp://gateway.example.com/send", "invalid"),
        ("https://gateway.example.com/a b", "invalid"),
        ("https://gateway.example.com\r\nX: y", "invalid"),
    ],
)
async def test_a_gateway_is_reached_over_tls_only(platform: Platform, url: str, code: str) -> None:
    """B11: and at the ports that the operator lets accounts use."""
    outbox = await platform.service("outbox", instance="strict", GATEWAY_ALLOWED_INNER_HOSTS="", GATEWAY_PORTS="443")
    headers = outbox.tokens.headers("prt_x")
    answer = await outbox.http.post("/accounts", json=http_fields(NOWHERE, url=url), headers=headers)
    assert problem(answer) == (422, code)


@pytest.mark.parametrize(
    "change",
    [
        {"body": {"to": "{to}"}},
        {"body": {**BODY, "long": "x" * 4_000}},
        {"body": {**BODY, "half": "\ud800"}},
        {"body": {**BODY, "\ud800": "half"}},
        {"body": {**BODY, "number": float("nan")}},
        {"secret_header": "Host"},
        {"idempotency_header": "X-Key\r\nX-Other"},
        {"secret": "two\r\nlines"},
        {"provider_id_at": "no pointer"},
        {"channel": "email"},
        {"host": "127.0.0.1"},
    ],
    ids=lambda change: next(iter(change)),
)
async def test_what_no_request_could_be_made_of_is_refused(platform: Platform, change: dict[str, Any]) -> None:
    """B11: one with half a character in it, once it was there, kept the partner from seeing any of its accounts."""
    outbox = await platform.service("outbox")
    headers = outbox.tokens.headers("prt_x") | {"Content-Type": "application/json"}
    asked = json.dumps(http_fields(NOWHERE, **change))
    answer = await outbox.http.post("/accounts", content=asked, headers=headers)
    assert problem(answer) == (422, "invalid")


async def test_what_is_under_way_while_its_account_moves_is_doubted_when_its_answer_is_lost(platform: Platform) -> None:
    """B10, F6: only the old gateway knows the message again, and the new one gets it."""
    settings = {"RETRY_SCHEDULE_SECONDS": "0.1", "GATEWAY_TIMEOUT_SECONDS": "1.5", "LEASE_SECONDS": "3"}
    outbox = await platform.service("outbox", instance="moved", **settings)
    async with listening(Gateway()) as old, listening(Gateway()) as new:
        fields = {"idempotency_header": "Idempotency-Key"}
        partner, account = await add_account(outbox, http_fields(old, **fields))
        wanted, headers = sms(partner), outbox.tokens.headers(partner)
        old.script[wanted.recipient.address] = [SILENT_AFTER]
        await request(outbox, wanted)
        await eventually(lambda: old.accepted)
        moved = await outbox.http.put(f"/accounts/{account}", json=http_fields(new, **fields), headers=headers)
        assert moved.status_code == 200
        [row] = await settled(outbox, partner, "SENT")
        assert (len(old.accepted), len(new.accepted), row["possible_duplicate"]) == (1, 1, True)


async def test_what_its_gateway_may_have_is_doubted_once_it_is_not_told_the_key_any_more(platform: Platform) -> None:
    """B10, F6: it knew a message again by that alone."""
    settings = {"RETRY_SCHEDULE_SECONDS": "2", "GATEWAY_TIMEOUT_SECONDS": "0.5", "LEASE_SECONDS": "3"}
    outbox = await platform.service("outbox", instance="keyless", **settings)
    async with listening(Gateway()) as gateway:
        partner, account = await add_account(outbox, http_fields(gateway, idempotency_header="Idempotency-Key"))
        wanted, headers = sms(partner), outbox.tokens.headers(partner)
        gateway.script[wanted.recipient.address] = [SILENT_AFTER]
        await request(outbox, wanted)
        await settled(outbox, partner, "WAITING")
        changed = await outbox.http.put(f"/accounts/{account}", json=http_fields(gateway), headers=headers)
        assert changed.status_code == 200
        [row] = await settled(outbox, partner, "SENT")
        assert (len(gateway.accepted), row["possible_duplicate"]) == (2, True)


async def test_a_gateway_cannot_be_in_the_operators_inner_network(platform: Platform) -> None:
    """B11: by whatever name; and a redirect there is not followed."""
    strict = await platform.service("outbox", instance="strict", GATEWAY_ALLOWED_INNER_HOSTS="", GATEWAY_PORTS="443")
    headers = strict.tokens.headers("prt_y")
    for host in ("127.0.0.1", "localhost", "169.254.169.254", "[::1]", "[::ffff:127.0.0.1]"):
        fields = http_fields(NOWHERE, url=f"https://{host}/send")
        made = await strict.http.post("/accounts", json=fields, headers=headers)
        tested = await strict.http.post(f"/accounts/{made.json()['id']}/test", headers=headers)
        assert tested.json() == {"works": False, "words": f"{host.strip('[]')} is inside the operator's network"}
    outbox = await platform.service("outbox")
    async with listening(Gateway()) as gateway, listening(Gateway()) as inner:
        partner, _ = await add_account(outbox, http_fields(gateway))
        wanted = sms(partner)
        gateway.script[wanted.recipient.address] = [Scripted(307, headers={"Location": f"{inner.url}/messages"})]
        await request(outbox, wanted)
        await settled(outbox, partner, "WAITING")
        assert inner.requests == []


async def test_a_gateway_with_a_certificate_that_is_not_valid_gets_nothing(platform: Platform, tmp_path: Path) -> None:
    """B11."""
    known, unknown = trustme.CA(), trustme.CA()
    known.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    outbox = await platform.service("outbox", instance="certified", SSL_CERT_FILE=str(tmp_path / "ca.pem"))

    def secured(authority: trustme.CA) -> ssl.SSLContext:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        authority.issue_cert("127.0.0.1").configure_cert(context)
        return context

    async with listening(Gateway(), secured(known)) as good, listening(Gateway(), secured(unknown)) as bad:
        for gateway, works in ((good, True), (bad, False)):
            fields = smsapi_fields(gateway, url=gateway.url.replace("http:", "https:"))
            partner, account = await add_account(outbox, fields)
            tested = await outbox.http.post(f"/accounts/{account}/test", headers=outbox.tokens.headers(partner))
            assert tested.json()["works"] is works
        assert tested.json()["words"] == "127.0.0.1 has a certificate that is not valid for it"
        assert bad.requests == []


async def test_secrets_numbers_and_words_of_a_text_are_where_they_belong(platform: Platform) -> None:
    """B11: the token in no answer, event, log or span, also when the gateway repeats it; the rest in no log or span."""
    outbox = await platform.service("outbox", instance="spans", OTEL_TRACES_EXPORTER="console")
    async with listening(Gateway(token="canary-token")) as gateway:
        to, text, partner = number(), "canary words", unique("prt")
        said = json.dumps({"message": "Bearer canary-token", "result": {"id": "7"}}).encode()
        gateway.script[to] = [Scripted(202, said)]
        await add_account(outbox, http_fields(gateway), partner)
        trace = f"00-{unique('t').encode().hex()[-32:]:0>32}-00f067aa0ba902b7-01"
        wanted = sms(partner, to, text)
        await outbox.io.publish(wanted, event_id=wanted.message_id, trace=trace)
        await settled(outbox, partner, "SENT")
        headers = outbox.tokens.headers(partner)
        pages = [(await outbox.http.get(url, headers=headers)).text for url in ("/accounts", "/messages")]
        pages.append((await outbox.http.get(f"/messages/{wanted.message_id}", headers=headers)).text)
        assert "Bearer …" in pages[-1]
        await outbox.stop()
        stored = [str(one) async for one in outbox.database["accounts"].find()]
        stored += [str(one) async for one in outbox.database["messages"].find()]
        assert "http deliver" in outbox.log_text()
        assert "canary-token" not in outbox.log_text() + "".join(pages + stored)
        assert to[1:] not in outbox.log_text()
        assert text not in outbox.log_text()


async def test_a_long_secret_that_a_gateway_repeats_is_not_told_in_part(platform: Platform) -> None:
    """B11: it is taken out before the words are cut, also as PHP writes it into JSON."""
    outbox, token = await platform.service("outbox"), "canary/" * 100
    async with listening(Gateway(token=token)) as gateway:
        for repeated in (token, token.replace("/", r"\/")):
            wanted = sms(unique("prt"))
            gateway.script[wanted.recipient.address] = [Scripted(400, f"who is {repeated}?".encode())]
            await add_account(outbox, http_fields(gateway), wanted.partner_id)
            await request(outbox, wanted)
            [row] = await settled(outbox, wanted.partner_id, "ERROR")
            assert row["error"] == "400 who is …?"


@pytest.mark.parametrize("host", ["sms..example", f"{'a' * 64}.example"])
async def test_a_gateway_whose_name_cannot_be_is_told_as_such(platform: Platform, host: str) -> None:
    """B9, B11: by a test of the account, and by what waits for it: nothing is in doubt."""
    outbox = await platform.service("outbox")
    partner, account = await add_account(outbox, http_fields(NOWHERE, url=f"https://{host}/messages"))
    tried = await outbox.http.post(f"/accounts/{account}/test", headers=outbox.tokens.headers(partner))
    assert (tried.status_code, tried.json()["words"]) == (200, f"there is no host {host}")
    await request(outbox, sms(partner))

    async def is_told() -> bool:
        [row] = await box(outbox, partner) or [{"error": None, "possible_duplicate": False}]
        return (row["error"], row["possible_duplicate"]) == (f"there is no host {host}", False)

    await eventually(is_told)
