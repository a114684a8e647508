"""One that cannot be written to holds up nobody else (E4, F6)."""

from datetime import UTC, datetime

from tests.identity.letters import letters_to
from tests.identity.test_recovery import address, forget, invite
from tests.identity.test_sign_in import new_partner, sign_in
from tests.support.eventually import eventually, unique
from tests.support.platform import Platform


async def test_a_forgotten_password_that_cannot_be_answered_holds_up_no_other(platform: Platform) -> None:
    """E4, F6: the document of its user is broken; everybody else gets his link."""
    identity = await platform.service("identity")
    (_, broken), (_, other) = await new_partner(identity), await new_partner(identity)
    users = identity.database["users"]
    assert (await users.update_one({"email": broken}, {"$unset": {"permissions": "", "is_owner": ""}})).modified_count
    await forget(identity, broken)
    await eventually(lambda: '"job": "forgotten passwords"' in identity.log_text())
    await forget(identity, other)
    await letters_to(identity, other, "password-reset")
    await users.delete_one({"email": broken})


async def test_a_letter_that_cannot_be_opened_holds_up_no_other(platform: Platform) -> None:
    """E4, F6: its key is not in the ring (any more); it leaves once it is there again."""
    identity, emails = await platform.service("identity"), [address() for _ in range(2)]
    owner = await sign_in(identity, (await new_partner(identity))[1])
    users, sealed = identity.database["users"], "another:key"
    made = await invite(identity, owner, emails[0])
    await letters_to(identity, emails[0], "invitation")
    letter = {"id": unique("let"), "kind": "invitation", "address": emails[0], "name": "Nina", "language": "en"}
    letter |= {"company": "Shop", "at": datetime.now(UTC), "sealed": sealed, "expires_at": datetime.now(UTC)}
    await users.update_one({"_id": made["id"]}, {"$push": {"letters": letter | {"trace": None}}})
    await invite(identity, owner, emails[1])
    await letters_to(identity, emails[1], "invitation")
    news = {"kind": "password-changed", "sealed": None, "expires_at": None, "put_off_until": datetime.now(UTC)}
    news = {f"letters.$.{name}": value for name, value in news.items()}
    await users.update_one({"_id": made["id"], "letters.sealed": sealed}, {"$set": news})
    await letters_to(identity, emails[0], "password-changed")
