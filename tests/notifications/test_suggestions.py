"""Roles and known people are suggested while typing (A6)."""

from typing import Any

import pytest
from pydantic import SecretStr
from pymongo import AsyncMongoClient
from pymongo.monitoring import CommandStartedEvent

from common.auth import Permission
from common.events import ContactChanged
from common.mongo import Document, Mongo
from notifications import spelling
from notifications.settings import Settings
from notifications.storage import Store
from tests.notifications.steps import consumed, listed
from tests.support.asked import Asked
from tests.support.eventually import eventually, unique
from tests.support.platform import Platform, Service

PEOPLE = 10_000


async def suggested(service: Service, partner: str, typed: str, **query: str | int) -> list[dict[str, Any]]:
    """What is suggested to a user of the partner."""
    headers = service.tokens.headers(partner, Permission.NOTIFICATIONS_READ)
    answer = await service.http.get("/suggestions", params={"q": typed, **query}, headers=headers)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def names(service: Service, partner: str, typed: str, **query: str | int) -> list[str]:
    """The suggested people by name, roles by id."""
    found = await suggested(service, partner, typed, **query)
    return [one["entry"]["role"] or one["name"] for one in found]


async def knows_people(service: Service, partner: str, *people: tuple[str, str, str]) -> list[ContactChanged]:
    """Announce people (first name, last name, e-mail), and wait until the service keeps them."""
    states = [_person(partner, *one) for one in people]
    await service.io.publish_many([(one.person_id, one) for one in states], source="/contacts")

    async def kept() -> bool:
        return await service.database["people"].count_documents({"partner_id": partner}) == len(people)

    await eventually(kept)
    return states


def _person(partner: str, first: str, last: str, email: str) -> ContactChanged:
    return ContactChanged(
        partner_id=partner, person_id=unique("per"), version=1, first_name=first, last_name=last, email=email,
        roles=["tech", "sales"],
    )  # fmt: skip


async def test_what_is_suggested_can_be_put_among_the_recipients_as_it_is(platform: Platform) -> None:
    """A6: roles first, then people by name, with what is needed to tell them apart."""
    service, partner = await platform.service("notifications"), unique("prt")
    await knows_people(service, partner, ("Tea", "Zet", "tea@x.example.com"), ("Ann", "Tesař", "ann@x.example.com"))
    found = await suggested(service, partner, "te", language="pl")
    assert found == [
        {
            "entry": {"role": "call_centre", "email": None, "channels": ["email"]},
            "label": "Centrum telefoniczne",
            "name": None,
            "roles": [],
        },
        {"entry": {"role": "tech", "email": None, "channels": ["email"]}, "label": "Tech", "name": None, "roles": []},
        {
            "entry": {"role": None, "email": "ann@x.example.com", "channels": ["email"]},
            "label": "Ann Tesař <ann@x.example.com>",
            "name": "Ann Tesař",
            "roles": ["sales", "tech"],
        },
        {
            "entry": {"role": None, "email": "tea@x.example.com", "channels": ["email"]},
            "label": "Tea Zet <tea@x.example.com>",
            "name": "Tea Zet",
            "roles": ["sales", "tech"],
        },
    ]
    await listed(service, partner, "order.created", *(one["entry"] for one in found))
    setting = await service.http.get("/settings/order.created", headers=platform.tokens.headers(partner))
    assert setting.json()["recipients"] == [one["entry"] for one in found]


@pytest.mark.parametrize(
    ("typed", "role", "label"),
    [
        ("sprze", "sales", "Prodej"),
        ("ertek", "sales", "Prodej"),
        ("SALES", "sales", "Prodej"),
        ("centre", "call_centre", "Call centrum"),
        ("call_c", "call_centre", "Call centrum"),
        ("ugyfel telef", "call_centre", "Call centrum"),
        ("uzytk", "user", "Uživatel"),
    ],
)
async def test_a_role_is_found_by_its_id_and_by_its_name_in_every_language(
    platform: Platform, typed: str, role: str, label: str
) -> None:
    """A6: shown in the language that was asked for."""
    service = await platform.service("notifications")
    [found] = await suggested(service, unique("prt"), typed, language="cs")
    assert (found["entry"]["role"], found["label"]) == (role, label)


async def test_roles_are_called_as_contacts_calls_them(platform: Platform) -> None:
    """A2, A6: neither service imports the other, but a person sees both."""
    contacts, notifications = await platform.service("contacts"), await platform.service("notifications")
    partner = unique("prt")
    for language in ("pl", "en", "cs", "hu"):
        query, headers = {"language": language}, platform.tokens.headers(partner)
        for role in (await contacts.http.get("/roles", params=query, headers=headers)).json():
            found = await suggested(notifications, partner, role["name"], **query)
            assert (role["id"], role["name"]) in [(one["entry"]["role"], one["label"]) for one in found]


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("lodz", ["Łucja Łódź"]),
        ("ŁÓD", ["Łucja Łódź"]),
        ("strauss", ["Søren Strauß"]),
        ("STRAUẞ soren", ["Søren Strauß"]),
        ("krol", ["Ewa Nowak-Król"]),
        ("nowak-k", ["Ewa Nowak-Król"]),
        ("ewa nowak", ["Ewa Nowak-Król"]),
        ("nowak, ewa", ["Ewa Nowak-Król"]),
        ("ewa strauss", []),
        ("odz", []),
        ("e.k", ["Ewa Nowak-Król"]),
        ("E.KROL@firma-o-bardzo-dlugiej-nazwie.example.com", ["Ewa Nowak-Król"]),
        ("e.krol@firma-o-bardzo-dlugiej-nazwie.example.org", []),
        ("firma-o", []),
        ("ewa <e.krol@firma", ["Ewa Nowak-Król"]),
        ("e ewa n now nowak nowak-kr", ["Ewa Nowak-Król"]),
        ("e ewa n now nowak nowak-kr z", []),
        (".*", []),
        ("ewa now nowak e.k .*", []),
        ("\x00", []),
        (" ", []),
        ("", []),
    ],
)
async def test_a_person_is_found_by_the_start_of_each_word_or_the_address_however_it_is_spelled(
    platform: Platform, typed: str, expected: list[str]
) -> None:
    """A6: neither case nor diacritics matter, and nothing typed is a pattern."""
    service, partner = await platform.service("notifications"), unique("prt")
    await knows_people(
        service,
        partner,
        ("Łucja", "Łódź", "l.l@x.example.com"),
        ("Søren", "Strauß", "s.s@x.example.com"),
        ("Ewa", "Nowak-Król", "e.krol@firma-o-bardzo-dlugiej-nazwie.example.com"),
    )
    assert await names(service, partner, typed) == expected


async def test_who_was_deleted_has_no_address_or_is_anothers_is_not_suggested(platform: Platform) -> None:
    """A6, F1: and who is called otherwise now is found by the new name only."""
    service, mine, theirs = await platform.service("notifications"), unique("prt"), unique("prt")
    gone, renamed, _ = await knows_people(
        service,
        mine,
        ("Zed", "Gone", "zed@x.example.com"),
        ("Zed", "Old", "zed.old@x.example.com"),
        ("Zed", "Unreachable", ""),
    )
    await knows_people(service, theirs, ("Zed", "Foreign", "zed@foreign.example.com"))
    assert await names(service, mine, "zed") == ["Zed Gone", "Zed Old"]
    changed = [
        gone.model_copy(update={"version": 2, "deleted": True}),
        renamed.model_copy(update={"version": 2, "last_name": "New"}),
    ]
    await service.io.publish_many([(unique("e"), one) for one in changed], source="/contacts")

    async def only_the_new_one() -> bool:
        return await names(service, mine, "zed") == ["Zed New"]

    await eventually(only_the_new_one)
    assert await names(service, mine, "zed gone") == await names(service, mine, "old") == []


async def test_as_many_are_suggested_as_were_asked_for(platform: Platform) -> None:
    """A6: roles count too; ten unless something else is asked for, never more than fifty."""
    service, partner = await platform.service("notifications"), unique("prt")
    await knows_people(service, partner, *(("Tec", f"Number {i:02}", f"t{i}@x.example.com") for i in range(60)))
    people = [f"Tec Number {i:02}" for i in range(60)]
    assert await names(service, partner, "tec") == ["tech", *people[:9]]
    assert await names(service, partner, "tec", limit=50) == ["tech", *people[:49]]
    assert await names(service, partner, "tec", limit=1) == ["tech"]
    headers = platform.tokens.headers(partner)
    for bad in ({"q": "t", "limit": 51}, {"q": "t", "limit": 0}, {"q": "t" * 101}, {}):
        assert (await service.http.get("/suggestions", params=bad, headers=headers)).status_code == 422


async def test_only_who_may_read_settings_gets_suggestions(platform: Platform) -> None:
    """A5."""
    service = await platform.service("notifications")
    headers = platform.tokens.headers("prt_x", Permission.NOTIFICATIONS_WRITE)
    answer = await service.http.get("/suggestions", params={"q": "s"}, headers=headers)
    assert (answer.status_code, answer.json()["permission"]) == (403, "notifications:read")


@pytest.fixture(scope="module")
async def crowded(platform: Platform) -> tuple[Service, str]:
    """A service that knows ten thousand people of one partner: nine thousand Annas and a thousand Bertas."""
    service, partner = await platform.service("notifications", instance="crowded"), unique("prt")
    people = [
        _person(partner, "Anna" if i < 9_000 else "Berta", f"Nowak{i}", f"a{i}@x.example.com") for i in range(PEOPLE)
    ]
    await service.io.publish_many([(one.person_id, one) for one in people], source="/contacts")
    await consumed(service, ContactChanged.TOPIC, PEOPLE)
    return service, partner


@pytest.mark.parametrize(
    ("typed", "count", "read"),
    [
        ("a", 10, 10),
        ("anna", 10, 10),
        ("nowak77", 10, 10),
        ("anna nowak77", 10, 10),
        ("anna a77", 10, 10),
        ("a nowak1234", 1, 1),
        ("ax", 0, 0),
        ("anna berta", 0, 1_000),  # two frequent words that nobody has both of: those who have the rarer one are read
    ],
)
async def test_among_ten_thousand_people_only_those_suggested_are_read(
    crowded: tuple[Service, str], typed: str, count: int, read: int
) -> None:
    """A6, house rule 6: the database itself says what it looked at, also where a word that was typed fits everybody."""
    service, partner = crowded
    assert len(await names(service, partner, typed)) == count
    *counts, query = await _asked_of_the_database(service, partner, typed)
    plan = await service.database.command("explain", query, verbosity="executionStats")
    stages, done = str(plan["queryPlanner"]["winningPlan"]), plan["executionStats"]
    assert "'IXSCAN'" in stages
    assert "'COLLSCAN'" not in stages
    assert "'SORT'" not in stages
    assert plan["queryPlanner"]["rejectedPlans"] == [], "nothing to choose, so nothing to choose wrongly"
    assert done["totalDocsExamined"] <= read
    assert done["totalKeysExamined"] <= read + 1
    for one in counts:
        counted = str(await service.database.command("explain", one, verbosity="executionStats"))
        assert "'totalDocsExamined': 0" in counted, "the index alone answers how frequent a word is"
        assert "'COLLSCAN'" not in counted
        assert "'rejectedPlans': []" in counted


class AskedWhole(Asked):
    """Keeps counts too, and which index was told."""

    def started(self, event: CommandStartedEvent) -> None:
        if event.command_name in ("find", "aggregate"):
            kept = ("find", "filter", "sort", "limit", "hint", "aggregate", "pipeline", "cursor")
            self.queries.append({name: event.command[name] for name in event.command if name in kept})


async def _asked_of_the_database(service: Service, partner: str, typed: str) -> list[Document]:
    """What the service asks its database for: how frequent the words are, then for the people."""
    asked, url = AskedWhole(), service.environment["MONGO_URL"]
    mongo = Mongo(Settings(mongo_url=SecretStr(url), mongo_database=service.database.name))
    await mongo.client.close()
    mongo.client = AsyncMongoClient(url, tz_aware=True, event_listeners=[asked])
    mongo.database = mongo.client[service.database.name]
    await Store(mongo).people_with_words_starting(partner, spelling.words(typed), 10)
    await mongo.close()
    return asked.queries
