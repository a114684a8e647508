"""Every route of every service, asked with every kind of token: the status and the problem of each (A5, B7, E6, F1).

The row of a route is in `tests/support/routes.py`: a new one fails here until somebody says what it needs. That
nobody gets at what is another company's is in `test_every_route.py`, since that takes a company that has something.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable

import httpx
import pytest

from common.auth import Permission
from tests.identity.entering import EXCHANGE, connected
from tests.identity.test_revocation import WHILE_ACTING, until_refused
from tests.identity.test_while_acting import HARMLESS
from tests.support.eventually import eventually
from tests.support.forgeries import forgeries
from tests.support.platform import Platform, Service
from tests.support.routes import NEEDS, OPEN, SERVICES, Route, paths, routes, said
from tests.support.tokens import Tokens

Services = dict[str, Service]
Answers = dict[Route, httpx.Response]
Said = tuple[int, str]
"""A status, and the last word of the problem's type; empty where it is no problem."""

PARTNER = "prt_matrix"
ACT = {"sub": "usr_master", "partner_id": "prt_master", "ver": 1}
REFUSED = (401, "not-signed-in")
LACKING = (403, "permission-missing")
CLOSED = (403, "acting-for-another")
UNHEARD = (503, "revocations-unheard")
ALL = list(routes())
FORGED = sorted(forgeries(Tokens(), PARTNER))


@pytest.fixture(scope="module")
async def five(platform: Platform) -> Services:
    """On topics of their own, where one test keeps revocations from being heard."""
    apart = await platform.apart("tokens")
    return {name: await apart.service(name) for name in SERVICES}


@pytest.fixture(scope="module")
def tokens(five: Services) -> Tokens:
    return five["identity"].tokens


async def ask(five: Services, token: str | None, which: Iterable[Route] = ALL) -> Answers:
    """These routes, without a body, and with ids that nobody has."""

    async def answer(route: Route) -> httpx.Response:
        path = route.path.replace("{version}", "1").replace("{number}", "1").replace("{", "").replace("}", "")
        headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        return await five[route.service].http.request(route.method, path, headers=headers)

    return dict(zip(which, await asyncio.gather(*map(answer, which)), strict=True))


def needing(permission: Permission | None) -> list[Route]:
    """The routes that take this permission; of None, those that take no more than a token."""
    return [route for route in ALL if route.permission == permission]


def saying(answers: Answers, *what: Said) -> set[Route]:
    """The routes that answered so."""
    return {route for route, answer in answers.items() if said(answer) in what}


def hold_against(answers: Answers, expected: Callable[[Route], Said]) -> None:
    """Every route answers as expected, and its published document says that it may."""
    wrong = {route: (said(one), expected(route)) for route, one in answers.items() if said(one) != expected(route)}
    assert wrong == {}
    hold_against_documents(answers)


def hold_against_documents(answers: Answers) -> None:
    undocumented = {
        route: answer.status_code
        for route, answer in answers.items()
        if str(answer.status_code) not in paths(route.service)[route.path][route.method.lower()]["responses"]
    }
    assert undocumented == {}


def test_the_table_has_a_row_for_each_route_and_for_no_other() -> None:
    """F1: those of the published documents."""
    published = {
        (service, path, method.upper())
        for service in SERVICES
        for path, operations in paths(service).items()
        for method in operations
        if path not in OPEN
    }
    rows = {(service, path, method) for service, of in NEEDS.items() for path, row in of.items() for method in row}
    assert published == rows


async def test_without_a_token_nobody_is_let_in(five: Services) -> None:
    """A5, B7: and whoever asks is told how one is."""
    answers = await ask(five, None)
    hold_against(answers, lambda _: REFUSED)
    assert {answer.headers["www-authenticate"] for answer in answers.values()} == {"Bearer"}


@pytest.mark.parametrize("state", FORGED)
async def test_a_token_that_is_not_good_lets_nobody_in(five: Services, tokens: Tokens, state: str) -> None:
    """A5, B7: though it says that one may do everything; and it is exchanged for no other."""
    token = forgeries(tokens, PARTNER)[state]
    hold_against(await ask(five, token), lambda _: REFUSED)
    assert await exchanged(five, token) == (400, "invalid-request")


async def exchanged(five: Services, token: str) -> Said:
    form = {"grant_type": EXCHANGE, "audience": "prt_client", "subject_token": token}
    return said(await five["identity"].http.post("/token", data=form))


async def test_whoever_may_everything_else_is_told_what_he_lacks(five: Services, tokens: Tokens) -> None:
    """A5, B7: each permission by its name."""
    for lacking in Permission:
        others = [one for one in Permission if one != lacking]
        answers = await ask(five, tokens.sign(PARTNER, *others), needing(lacking))
        hold_against(answers, lambda _: LACKING)
        assert {answer.json()["permission"] for answer in answers.values()} <= {lacking}


async def test_the_permission_of_a_route_is_all_that_it_takes(five: Services, tokens: Tokens) -> None:
    """A5, B7: where the table names none, a token alone."""
    for permission in (None, *Permission):
        may = [permission] if permission else []
        answers = await ask(five, tokens.sign(PARTNER, *may), needing(permission))
        assert saying(answers, REFUSED, LACKING, CLOSED, UNHEARD) == set()
        hold_against_documents(answers)


def is_closed(route: Route) -> bool:
    """Of identity, all that is not known to be harmless."""
    return route.service == "identity" and route.name not in HARMLESS


async def of_each(five: Services, token: str) -> set[Said]:
    """What the five say to a token at a route that is open to whoever acts for another."""
    headers = {"Authorization": f"Bearer {token}"}
    asked = (one.http.get(WHILE_ACTING[name], headers=headers) for name, one in five.items())
    return {said(answer) for answer in await asyncio.gather(*asked)}


@pytest.fixture
async def acting(five: Services, tokens: Tokens) -> str:
    """The token of somebody who acts for another and was given everything, once it is good in every service."""
    token = tokens.sign(PARTNER, *Permission, act=ACT)

    async def is_good() -> bool:
        return UNHEARD not in await of_each(five, token)

    await eventually(is_good, what="news of revocations")
    return token


async def test_whoever_acts_for_another_does_what_he_was_given_and_is_harmless(five: Services, acting: str) -> None:
    """E6: of identity next to nothing, whatever the token says."""
    answers = await ask(five, acting)
    assert saying(answers, CLOSED) == set(filter(is_closed, ALL))
    assert saying(answers, REFUSED, LACKING, UNHEARD) == set()
    hold_against_documents(answers)


@pytest.mark.usefixtures("acting")
async def test_whoever_acts_for_another_is_told_what_he_was_not_given(five: Services, tokens: Tokens) -> None:
    """E6: also where he has everything else."""
    for lacking in Permission:
        others = [one for one in Permission if one != lacking]
        answers = await ask(five, tokens.sign(PARTNER, *others, act=ACT), needing(lacking))
        hold_against(answers, lambda route: CLOSED if is_closed(route) else LACKING)


async def test_after_access_was_taken_back_nothing_is_open_any_more(five: Services) -> None:
    """E6: to the token of an entry, in every service."""
    identity = five["identity"]
    master, client = await connected(identity)
    entry = await master.enters(client.id)
    taken = await identity.http.delete(f"/partner-access/{master.partner_id}", headers=client.owner)
    assert taken.status_code == 204
    await until_refused(list(five.values()), entry)
    hold_against(await ask(five, entry["access_token"]), lambda _: REFUSED)
    assert await exchanged(five, entry["access_token"]) == (400, "invalid-request")


@pytest.fixture
async def unheard(five: Services, acting: str) -> AsyncIterator[None]:
    """Something that should be revoked cannot be announced, so nothing says that no revocation is missing."""
    entries = five["identity"].database["entries"]
    await entries.insert_one({"_id": "ent_broken", "announce": True})

    async def is_silent() -> bool:
        return await of_each(five, acting) == {UNHEARD}

    await eventually(is_silent, timeout=15)
    yield
    await entries.delete_one({"_id": "ent_broken"})


@pytest.mark.usefixtures("unheard")
async def test_while_revocations_are_not_heard_nobody_acts_for_another(
    five: Services, tokens: Tokens, acting: str
) -> None:
    """E6: nothing at all, also what he was not given anyhow; and everybody else goes on."""
    answers = await ask(five, acting)
    hold_against(answers, lambda _: UNHEARD)
    assert {answer.headers["retry-after"] for answer in answers.values()} == {"1"}
    assert await exchanged(five, acting) == UNHEARD
    himself = await ask(five, tokens.sign(PARTNER))
    assert saying(himself, LACKING) == {route for route in ALL if route.permission}
    assert saying(himself, REFUSED, UNHEARD) == set()
