"""Kinds are documents that staff write (A6): versions, what is refused and where, and nobody overwrites another."""

import asyncio
import json
from copy import deepcopy
from typing import Any

import pytest
from httpx import Response

from common.auth import Permission
from notifications.kinds.schemas import KindFields
from tests.notifications.returns import BODY, define, defined, read
from tests.support.eventually import unique
from tests.support.platform import Platform


def with_templates(**changes: str) -> dict[str, Any]:
    """The kind's templates with other English words."""
    templates = deepcopy(BODY["templates"])
    templates["en"] |= changes
    return templates


def problem(answer: Response) -> str:
    """The stable code of a problem."""
    return answer.json()["type"].rpartition("/")[2]


async def test_a_kind_is_written_read_and_written_again(platform: Platform) -> None:
    """A6: 201, then 200 with the next version; writing the same again changes nothing."""
    service, kind = await platform.service("notifications"), unique("kind")
    first = await define(service, kind)
    assert (first.status_code, first.headers["ETag"]) == (201, '"1"')
    assert await read(service, f"/kinds/{kind}") == first.json()
    assert KindFields.model_validate({name: first.json()[name] for name in BODY}) == KindFields.model_validate(BODY)
    again = await define(service, kind)
    assert (again.status_code, again.json()["version"]) == (200, 1)
    second = await define(service, kind, priority=3)
    assert (second.status_code, second.headers["ETag"]) == (200, '"2"')
    assert kind in [one["id"] for one in await read(service, "/kinds")]


async def test_only_the_version_that_was_read_is_changed(platform: Platform) -> None:
    """A6: a stale one is refused with 412, which says what is there now; what is not there cannot be changed."""
    service, kind = await platform.service("notifications"), unique("kind")
    assert (await define(service, kind, if_match='"1"')).status_code == 404
    await defined(service, kind)
    assert (await define(service, kind, if_match='"1"', priority=3)).status_code == 200
    stale = await define(service, kind, if_match='"1"', priority=4)
    assert (stale.status_code, problem(stale), stale.json()["version"]) == (412, "changed-meanwhile", 2)
    assert (await read(service, f"/kinds/{kind}"))["priority"] == 3


async def test_of_many_who_change_the_same_version_at_once_one_does(platform: Platform) -> None:
    """A6: the others are told, and read again."""
    service, kind = await platform.service("notifications"), unique("kind")
    await defined(service, kind)
    changes = (define(service, kind, if_match='"1"', priority=i) for i in range(3, 10))  # 2 would change nothing
    answers = await asyncio.gather(*changes)
    assert sorted(one.status_code for one in answers) == [200] + [412] * 6
    assert (await read(service, f"/kinds/{kind}"))["version"] == 2


async def test_every_version_can_be_read_and_taken_again(platform: Platform) -> None:
    """A6: who wrote it and when; twenty former ones are kept."""
    service, kind = await platform.service("notifications"), unique("kind")
    for i in range(23):
        await defined(service, kind, names=BODY["names"] | {"cs": f"v{i + 1}"})
    versions = await read(service, f"/kinds/{kind}/versions")
    assert [one["version"] for one in versions] == list(range(23, 2, -1))
    assert [one["current"] for one in versions] == [True] + [False] * 20
    assert {one["by"] for one in versions} == {"usr_test"}
    former = await read(service, f"/kinds/{kind}/versions/5")
    assert (former["version"], former["names"]["cs"]) == (5, "v5")
    body = {name: former[name] for name in BODY}
    assert await defined(service, kind, **body) == 24
    assert (await read(service, f"/kinds/{kind}"))["names"]["cs"] == "v5"


async def test_what_events_do_not_have_is_refused_with_its_place_and_nothing_is_kept(platform: Platform) -> None:
    """A6: every place at once, before anybody is sent the gap."""
    service, kind = await platform.service("notifications"), unique("kind")
    templates = with_templates(
        subject="{{ data.order.nummer }}", intro="{{ intro }}", text="Hello\n{{ dta.reason }}",
        html="<p>\n\n{{ data.lines }}</p>", sms="{{ data.reason.code }}",
    )  # fmt: skip
    refused = await define(service, kind, templates=templates)
    assert (refused.status_code, problem(refused)) == (422, "bad-kind")
    places = [(one["place"], one["line"]) for one in refused.json()["errors"]]
    assert places == [
        ("templates/en/subject", 1),
        ("templates/en/intro", 1),
        ("templates/en/text", 2),
        ("templates/en/html", 3),
        ("templates/en/sms", 1),
    ]
    assert "nummer is not in the example; here there is number" in refused.json()["errors"][0]["problem"]
    answer = await service.http.get(f"/kinds/{kind}", headers=service.tokens.headers("platform"))
    assert answer.status_code == 404


@pytest.mark.parametrize(
    ("changes", "place"),
    [
        ({"topic": "message.requested"}, "topic"),
        ({"topic": "order.created"}, "type"),
        ({"topic": "warehouse.returns.dlq"}, "topic"),
        ({"topic": "order_created"}, "topic"),
        ({"topic": "contact_changed"}, "topic"),
        ({"topic": ".."}, "topic"),
        ({"audience": {"partner": "/seller/nr"}}, "example"),
        ({"order_number": "/buyer"}, "example"),
    ],
)
async def test_what_does_not_hold_together_is_refused_with_its_place(
    platform: Platform, changes: dict[str, Any], place: str
) -> None:
    """A6: no loop through our own topics, no events of another contract, no example without its own partner."""
    service = await platform.service("notifications")
    refused = await define(service, unique("kind"), **changes)
    assert (refused.status_code, problem(refused)) == (422, "bad-kind")
    assert place in [one["place"] for one in refused.json()["errors"]]


async def test_a_topic_that_the_broker_does_not_tell_from_another_kinds_is_refused(platform: Platform) -> None:
    """A6: it makes none that differs in dots and underscores only; of one topic there may be many kinds."""
    service, topic = await platform.service("notifications"), unique("a.b")
    await defined(service, unique("kind"), topic=topic)
    await defined(service, unique("kind"), topic=topic)
    refused = await define(service, unique("kind"), topic=topic.replace(".", "_"))
    assert (refused.status_code, [one["place"] for one in refused.json()["errors"]]) == (422, ["topic"])


@pytest.mark.parametrize("reason", ["\ud800", ["\ud800"], {"\ud800": 1}, json.loads("[" * 300 + "]" * 300)])
async def test_what_cannot_be_written_again_is_refused(platform: Platform, reason: Any) -> None:
    """A6, A9: half a character, or too deep; in examples, previews and samples."""
    service, example = await platform.service("notifications"), BODY["example"] | {"reason": reason}
    for method, path, body in (
        ("PUT", f"/kinds/{unique('kind')}", BODY | {"example": example}),
        ("POST", "/kinds/preview", {"kind": BODY, "data": example}),
        ("POST", "/kinds/order.created/dry-run", {"order_number": "1", "reason": reason}),
    ):
        headers = service.tokens.headers("platform", *Permission) | {"Content-Type": "application/json"}
        answer = await service.http.request(method, path, content=json.dumps(body), headers=headers)
        assert (answer.status_code, problem(answer)) == (422, "invalid"), (path, answer.text)


@pytest.mark.parametrize(
    "changes",
    [
        {"audience": {"partner": "/a", "partners": "/b"}},
        {"templates": {"pl": BODY["templates"]["pl"]}},
        {"templates": {"en": BODY["templates"]["en"] | {"sms": ""}}},
        {"channels": ["sms"]},
        {"default_role": "boss"},
        {"order_number": "order/number"},
        {"unknown": 1},
    ],
)
async def test_a_kind_that_is_not_whole_is_refused(platform: Platform, changes: dict[str, Any]) -> None:
    """A6: one audience, English words, words for each channel, e-mail always."""
    service = await platform.service("notifications")
    refused = await define(service, unique("kind"), **changes)
    assert (refused.status_code, problem(refused)) == (422, "invalid")
    assert refused.json()["errors"]
