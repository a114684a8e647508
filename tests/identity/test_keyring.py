"""A new key in the ring: the command that seals everything with it, beside live services (E6, F6)."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

from pydantic import SecretStr

from common.keyring import Keyring
from identity.mails.domain import Letter, LetterKind, Mailing
from identity.mails.storage import updating
from tests.identity.letters import link_to
from tests.identity.test_second_factors import PROOF, App, challenge, second_step, with_second_factor
from tests.identity.test_sessions import bearer, begin, continue_
from tests.identity.test_sign_in import new_partner
from tests.support.eventually import eventually
from tests.support.platform import KEYRING, Platform, Service
from tests.support.rotation import BOTH, NEWER, Rotated, give_ring, rotate, sealed_values

Json = dict[str, Any]


async def test_everything_is_sealed_with_a_new_key_while_sessions_go_on_and_the_old_key_can_go(
    platform: Platform,
) -> None:
    """E6, F6: keys that sign, seeds of sessions, secrets of second factors, and links of letters that have not left."""
    identity = await platform.service("identity", instance="ring")
    _, email = await new_partner(identity)
    tokens = await begin(identity, email)
    strong, app, _ = await with_second_factor(identity)
    _, enrolling = await new_partner(identity)
    asking, unconfirmed = await enrol(identity, enrolling)

    await give_ring(identity, BOTH)
    await eventually(lambda: letters_are_gone(identity))
    before = await sealed_values(identity)
    checked = await rotate(identity, "--check")
    older = {place: by_key for place, by_key in checked.older.items() if by_key}
    assert (checked.code, older, sum(checked.renewed.values())) == (1, before, 0)
    done, tokens = await rotate_while_it_goes_on(identity, tokens)
    assert done.code == 0, done.said
    assert await sealed_values(identity) == {place: {"k2": by_key["k1"]} for place, by_key in before.items()}

    await identity.stop()
    await keep_letter(identity, email, "mailed-token")
    again = await rotate(identity)
    assert (again.code, {place for place, count in again.renewed.items() if count}) == (0, {"users.letters.sealed"})
    found = await sealed_values(identity)
    assert found.keys() == again.renewed.keys()
    assert all(by_key.keys() == {"k2"} for by_key in found.values())

    identity.environment["IDENTITY_KEYRING"] = NEWER
    await identity.start()
    answer = await continue_(identity, tokens)
    assert answer.status_code == 200
    assert (await identity.http.get("/me", headers=bearer(answer.json()))).status_code == 200
    assert (await second_step(identity, await challenge(identity, strong), app.of(1))).status_code == 200
    url, code = "/me/second-factor/confirmation", unconfirmed.of(0)
    assert (await identity.http.post(url, json={"code": code}, headers=bearer(asking))).status_code == 200
    assert await link_to(identity, email, LetterKind.INVITATION) == "mailed-token"


async def enrol(identity: Service, email: str) -> tuple[Json, App]:
    """(tokens, an app whose secret is not confirmed yet)."""
    tokens = await begin(identity, email)
    answer = await identity.http.post("/me/second-factor", json={"proof": PROOF}, headers=bearer(tokens))
    assert answer.status_code == 200, answer.text
    return tokens, App(answer.json()["secret"])


async def rotate_while_it_goes_on(identity: Service, tokens: Json) -> tuple[Rotated, Json]:
    """(what the command came to, the tokens then): a session goes on all the while."""
    rotation = asyncio.create_task(rotate(identity))
    while not rotation.done():
        answer = await continue_(identity, tokens)
        assert answer.status_code == 200, answer.text
        tokens = answer.json()
    return await rotation, tokens


async def letters_are_gone(identity: Service) -> bool:
    return await identity.database["users"].find_one({"letters.id": {"$exists": True}}) is None


async def keep_letter(identity: Service, email: str, token: str) -> None:
    """A letter that has not left, as it lies there when the broker was away, sealed with the first key."""
    now = datetime.now(UTC)
    letter = Letter(
        id="let_1", kind=LetterKind.INVITATION, address=email, name="Olga", language="pl", company="Shop", at=now,
        sealed=Keyring.parse(SecretStr(KEYRING)).seal(token, "let_1"), expires_at=now + timedelta(hours=1),
    )  # fmt: skip
    kept = await identity.database["users"].update_one({"email": email}, updating(Mailing(letter)))
    assert kept.modified_count == 1
