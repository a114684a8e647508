"""What gateways report of texts that they had accepted (B2, B10)."""

import hashlib
import hmac
import json
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
from hypothesis import given
from hypothesis import strategies as st

from common.events import MessageFailed
from outbox.reports.callbacks import read, read_smsapi
from outbox.reports.domain import About, Report, Verdict
from outbox.via import GatewayReports
from tests.outbox.texting import add_account, detail, http_fields, problem, sms, smsapi_fields
from tests.support.eventually import eventually
from tests.support.gateways import DROPPED_AFTER, Gateway, listening
from tests.support.messages import box, request, settled
from tests.support.platform import Platform, Service

SECRET = "reports-secret"
NOW = datetime(2026, 11, 26, tzinfo=UTC)
RULES: dict[str, Any] = {
    "signature_header": "X-Signature",
    "timestamp_header": "X-Timestamp",
    "list_at": "/reports",
    "id_at": "/id",
    "status_at": "/status",
    "words_at": "/reason",
    "statuses": {"DELIVRD": "delivered", "ENROUTE": "pending", "UNDELIV": "failed"},
}


async def reporting(outbox: Service, gateway: Gateway, partner: str = "") -> tuple[str, str]:
    """(partner, account id) of a gateway that reports as RULES say."""
    return await add_account(outbox, http_fields(gateway, reports=RULES, reports_secret=SECRET), partner)


async def sent_text(outbox: Service, partner: str, gateway: Gateway) -> tuple[str, str]:
    """(message id, the gateway's id of it)."""
    before = len(await box(outbox, partner))
    wanted = sms(partner)
    await request(outbox, wanted)
    await settled(outbox, partner, *["SENT"] * (before + 1))
    return wanted.message_id, gateway.to(wanted.recipient.address)[0].provider_id


def body_of(*reports: tuple[str, str]) -> bytes:
    return json.dumps(
        {"reports": [{"id": one, "status": status, "reason": "said so"} for one, status in reports]}
    ).encode()


async def report(
    outbox: Service, account: str, body: bytes, *, secret: str = SECRET, age: float = 0, prefix: str = ""
) -> httpx.Response:
    """Send a signed report as a gateway does."""
    at = str(int(datetime.now(UTC).timestamp() - age))
    signature = hmac.new(secret.encode(), f"{at}.".encode() + body, hashlib.sha256).hexdigest()
    headers = {"X-Timestamp": at, "X-Signature": prefix + signature}
    return await outbox.http.post(f"/accounts/{account}/reports", content=body, headers=headers)


async def failures(outbox: Service, partner: str) -> Sequence[MessageFailed]:
    events = outbox.io.follow(MessageFailed).events
    return [one.data for one in events if one.data.partner_id == partner]


async def test_a_text_that_arrived_says_when_and_one_that_did_not_is_bounced(platform: Platform) -> None:
    """B2, B10: a table of the account says what the gateway's statuses mean; unknown ones mean nothing."""
    outbox = await platform.service("outbox")
    async with listening(Gateway()) as gateway:
        partner, account = await reporting(outbox, gateway)
        good, good_id = await sent_text(outbox, partner, gateway)
        bad, bad_id = await sent_text(outbox, partner, gateway)
        answer = await report(outbox, account, body_of((good_id, "DELIVRD"), (bad_id, "UNDELIV"), (bad_id, "???")))
        assert (answer.status_code, answer.json()) == (200, {"understood": 2})
        await settled(outbox, partner, "BOUNCED", "SENT")
        assert (await detail(outbox, partner, good))["delivered_at"] is not None
        shown = await detail(outbox, partner, bad)
        assert (shown["error"], shown["delivered_at"], shown["provider_id"]) == ("UNDELIV said so", None, bad_id)

        async def announced() -> Any:
            return await failures(outbox, partner)

        [failed] = await eventually(announced)
        assert (failed.message_id, failed.reason, failed.channel) == (bad, "bounced", "sms")


async def test_reports_that_come_twice_late_or_in_another_order_change_nothing_more(platform: Platform) -> None:
    """B2: of an attempt the first final report stays."""
    outbox = await platform.service("outbox")
    async with listening(Gateway()) as gateway:
        partner, account = await reporting(outbox, gateway)
        delivered, one = await sent_text(outbox, partner, gateway)
        failed, other = await sent_text(outbox, partner, gateway)
        for status in ("ENROUTE", "DELIVRD", "DELIVRD", "UNDELIV", "ENROUTE"):
            await report(outbox, account, body_of((one, status)), prefix="sha256=")
        for status in ("UNDELIV", "UNDELIV", "DELIVRD", "ENROUTE"):
            await report(outbox, account, body_of((other, status)))
        await settled(outbox, partner, "BOUNCED", "SENT")
        assert (await detail(outbox, partner, delivered))["history"][0]["report"]["verdict"] == "delivered"
        assert (await detail(outbox, partner, failed))["history"][0]["report"]["verdict"] == "failed"

        async def announced() -> bool:
            return len(await failures(outbox, partner)) == 1

        await eventually(announced)


async def test_a_report_that_comes_before_we_know_the_id_is_not_lost(platform: Platform) -> None:
    """B2: gateways are quicker than their own answers at times. What never matches is let go."""
    outbox = await platform.service("outbox", instance="early", REPORT_WAIT_MINUTES="0.05")
    early = outbox.database["early_reports"]
    async with listening(Gateway(delay=1.0)) as gateway:
        partner, account = await reporting(outbox, gateway)
        wanted = sms(partner)
        await request(outbox, wanted)
        await eventually(gateway.posts)
        assert (await report(outbox, account, body_of(("gw-1", "UNDELIV")))).status_code == 200
        assert await early.count_documents({}) == 1
        await settled(outbox, partner, "BOUNCED")
        await report(outbox, account, body_of(("gw-other", "UNDELIV")))

        async def nothing_waits() -> bool:
            return await early.count_documents({}) == 0

        await eventually(nothing_waits, timeout=15)


async def test_early_reports_of_a_busy_account_delay_no_others(platform: Platform) -> None:
    """B2: its gateway may report on messages of somebody else without end."""
    outbox = await platform.service("outbox", instance="shared")
    long_ago = datetime.now(UTC) - timedelta(minutes=30)
    about = asdict(About("prt_busy", "sms", account_id="acc_busy", provider_id="gw-other"))
    many = {"partner_id": "prt_busy", "about": about, "report": asdict(Report(Verdict.FAILED, long_ago, "", ""))}
    many |= {"came_at": long_ago, "due_at": long_ago}
    await outbox.database["early_reports"].insert_many([{**many, "_id": str(one)} for one in range(20_000)])
    async with listening(Gateway(delay=1.0)) as gateway:
        partner, account = await reporting(outbox, gateway)
        await request(outbox, sms(partner))
        await eventually(gateway.posts)
        assert (await report(outbox, account, body_of(("gw-1", "UNDELIV")))).status_code == 200
        await settled(outbox, partner, "BOUNCED")
    await outbox.database["early_reports"].delete_many({"partner_id": "prt_busy"})


async def test_only_what_the_account_signed_just_now_is_heard(platform: Platform) -> None:
    """B11: whatever is wrong, the answer is the same."""
    outbox = await platform.service("outbox")
    async with listening(Gateway()) as gateway:
        partner, strange = await reporting(outbox, gateway)
        _, account = await reporting(outbox, gateway, partner)
        _, silent = await add_account(outbox, http_fields(gateway))
        _, provider_id = await sent_text(outbox, partner, gateway)
        body = body_of((provider_id, "UNDELIV"))
        answers = [
            await report(outbox, account, body, secret="another"),
            await report(outbox, account, body, age=400),
            await report(outbox, account, body, age=-400),
            await report(outbox, silent, body),
            await report(outbox, "acc_nothing", body),
            await outbox.http.post(f"/accounts/{account}/reports", content=body),
        ]
        assert {(problem(one), one.json()["detail"]) for one in answers} == {
            ((401, "signature-wrong"), answers[0].json()["detail"])
        }
        assert (await report(outbox, strange, body)).status_code == 200
        assert [one["status"] for one in await box(outbox, partner)] == ["SENT"], (
            "another account reports on its own, though both may call it the same"
        )
        too_large = await report(outbox, account, b"x" * 100_001)
        assert problem(too_large) == (413, "report-too-large")


async def test_the_secret_of_reports_is_never_shown_and_stays_when_it_is_not_given(platform: Platform) -> None:
    """B11."""
    outbox = await platform.service("outbox")
    async with listening(Gateway()) as gateway:
        partner, account = await reporting(outbox, gateway)
        headers = outbox.tokens.headers(partner)
        changed = await outbox.http.put(
            f"/accounts/{account}", json=http_fields(gateway, reports=RULES, secret=None), headers=headers
        )
        assert (changed.json()["reports"], changed.json()["has_reports_secret"]) == (RULES, True)
        assert SECRET not in changed.text
        assert (await report(outbox, account, body_of(("gw-x", "DELIVRD")))).status_code == 200
        kept = await outbox.database["accounts"].find_one({"_id": account})
        assert SECRET not in str(kept)
        await outbox.http.put(f"/accounts/{account}", json=http_fields(gateway, secret=None), headers=headers)
        assert (await report(outbox, account, body_of(("gw-x", "DELIVRD")))).status_code == 401


async def test_a_gateway_that_reports_too_much_has_to_wait(platform: Platform) -> None:
    """B11: each report counts, and another account's are taken."""
    outbox = await platform.service("outbox", instance="few", REPORTS_PER_MINUTE="3")
    async with listening(Gateway()) as gateway:
        _, account = await reporting(outbox, gateway)
        _, other = await reporting(outbox, gateway)
        body = body_of(("a", "DELIVRD"), ("b", "DELIVRD"))
        assert [(await report(outbox, account, body)).status_code for _ in range(2)] == [200, 429]
        assert (await report(outbox, other, body)).status_code == 200


async def test_smsapi_reports_to_the_url_that_its_message_named(platform: Platform) -> None:
    """B2, B11: as it documents it: a GET, several in one, and it wants to hear OK."""
    outbox = await platform.service("outbox")
    async with listening(Gateway()) as gateway:
        partner, account = await add_account(outbox, smsapi_fields(gateway))
        good, good_id = await sent_text(outbox, partner, gateway)
        _, bad_id = await sent_text(outbox, partner, gateway)
        url = gateway.posts()[0].fields["notify_url"]
        assert url.startswith(f"{outbox.url}/accounts/{account}/reports/")
        said = {"MsgId": f"{good_id},{bad_id}", "status": "404,405", "idx": ",", "donedate": "1795000000,1795000001"}
        forged = await outbox.http.get(f"{url[:-1]}{'a' if url[-1] != 'a' else 'b'}", params=said)
        assert problem(forged) == (401, "signature-wrong")
        answer = await outbox.http.get(url, params=said)
        assert (answer.status_code, answer.text) == (200, "OK")
        await settled(outbox, partner, "BOUNCED", "SENT")
        arrived = datetime.fromisoformat((await detail(outbox, partner, good))["delivered_at"])
        assert arrived == datetime.fromtimestamp(1795000000, UTC)
        assert url.rpartition("/")[2] not in outbox.log_text()


async def bounced_text(outbox: Service, partner: str, gateway: Gateway) -> tuple[str, str]:
    """A text that SMSAPI took and then reported as failed: our id of it, and where it reports."""
    message_id, provider_id = await sent_text(outbox, partner, gateway)
    url = gateway.posts()[0].fields["notify_url"]
    await outbox.http.get(url, params={"MsgId": provider_id, "status": "406"})
    await settled(outbox, partner, "BOUNCED")
    return message_id, url


async def test_smsapi_takes_a_bounced_text_again_as_a_new_one(platform: Platform) -> None:
    """B4: it takes each idx once, so that of the second attempt is another."""
    outbox = await platform.service("outbox")
    async with listening(Gateway()) as gateway:
        partner, _ = await add_account(outbox, smsapi_fields(gateway))
        message_id, _ = await bounced_text(outbox, partner, gateway)
        headers = outbox.tokens.headers(partner)

        async def is_resent() -> bool:
            return (await outbox.http.post(f"/messages/{message_id}/resend", headers=headers)).status_code == 200

        await eventually(is_resent)
        await settled(outbox, partner, "SENT")
        assert [one.key for one in gateway.accepted] == [message_id, f"{message_id}-1"]


async def test_a_text_whose_answer_was_lost_is_found_by_our_own_id(platform: Platform) -> None:
    """B10: SMSAPI said that it has it, but not under which id."""
    outbox = await platform.service("outbox", instance="lost", RETRY_SCHEDULE_SECONDS="0.1")
    async with listening(Gateway()) as gateway:
        partner, _ = await add_account(outbox, smsapi_fields(gateway))
        wanted = sms(partner)
        gateway.script[wanted.recipient.address] = [DROPPED_AFTER]
        await request(outbox, wanted)
        await settled(outbox, partner, "SENT")
        url = gateway.posts()[0].fields["notify_url"]
        said = {"MsgId": gateway.accepted[0].provider_id, "status": "407", "idx": wanted.message_id}
        await outbox.http.get(url, params=said)
        await settled(outbox, partner, "BOUNCED")


async def test_a_text_that_was_sent_again_and_whose_answer_was_lost_is_found_by_what_we_called_it_then(
    platform: Platform,
) -> None:
    """B4, B10: after a bounce its idx is another than its id."""
    outbox = await platform.service("outbox", instance="lost", RETRY_SCHEDULE_SECONDS="0.1")
    async with listening(Gateway()) as gateway:
        partner, _ = await add_account(outbox, smsapi_fields(gateway))
        message_id, url = await bounced_text(outbox, partner, gateway)
        gateway.script[gateway.accepted[0].to] = [DROPPED_AFTER]
        headers = outbox.tokens.headers(partner)

        async def is_resent() -> bool:
            return (await outbox.http.post(f"/messages/{message_id}/resend", headers=headers)).status_code == 200

        await eventually(is_resent)
        await settled(outbox, partner, "SENT")
        again = gateway.accepted[1]
        await outbox.http.get(url, params={"MsgId": again.provider_id, "status": "407", "idx": again.key})
        await settled(outbox, partner, "BOUNCED")


async def test_a_report_is_found_by_an_index(platform: Platform) -> None:
    """House rule: among a million messages too."""
    outbox = await platform.service("outbox")
    now = datetime.now(UTC)
    by_id = {"account_id": "acc_x", "channel": "sms", "attempts.provider_id": "gw-1", "partner_id": "prt_x"}
    untold = {"unannounced": {"$exists": True}, "unannounced.due_at": {"$lte": now}}
    early = {"about.account_id": "acc_x", "due_at": {"$lte": now}}
    for collection, query in (("messages", by_id), ("messages", untold), ("early_reports", early)):
        plan = str(await outbox.database.command("explain", {"find": collection, "filter": query}))
        assert ("IXSCAN" in plan or "EXPRESS_IXSCAN" in plan, "COLLSCAN" in plan) == (True, False), query
    plan = str(await outbox.database.command("explain", {"find": "messages", "filter": by_id}))
    assert "attempts.provider_id" in plan.partition("rejectedPlans")[0].partition("winningPlan")[2]
    accounts = {"distinct": "early_reports", "key": "about.account_id"}
    assert "DISTINCT_SCAN" in str(await outbox.database.command("explain", accounts))


NAMES = st.sampled_from(["reports", "id", "status", "reason"])
DOCUMENTS = st.recursive(
    st.none() | st.text() | st.integers(), lambda part: st.lists(part) | st.dictionaries(NAMES, part)
)


@given(st.binary(max_size=300) | DOCUMENTS.map(json.dumps).map(str.encode))
def test_whatever_a_gateway_sends_can_be_read(body: bytes) -> None:
    """B10: no document stops the reader."""
    for one in read(GatewayReports(**RULES), body, NOW):
        assert one.report.verdict in Verdict


@given(st.text(max_size=50), st.text(max_size=50), st.text(max_size=50), st.text(max_size=50))
def test_whatever_smsapi_is_said_to_send_can_be_read(ids: str, statuses: str, keys: str, times: str) -> None:
    """B10."""
    for one in read_smsapi(ids, f"404,{statuses}", keys, times, NOW):
        assert one.provider_id


def test_a_document_that_is_too_deep_says_nothing() -> None:
    """B10."""
    assert read(GatewayReports(**RULES), b"[" * 100_000, NOW) == []
