"""Invitations to the same address, again and again (E4)."""

from tests.identity.letters import LINK, letters_to, link_to
from tests.identity.test_recovery import NEW, address, follow, forget, invite
from tests.identity.test_sign_in import PASSWORD, new_partner, sign_in
from tests.support.platform import Platform, Service

MAILS = 3


async def test_whoever_makes_and_deletes_a_user_again_and_again_fills_nobodys_mailbox(platform: Platform) -> None:
    """E6: an address that is in use costs it nothing."""
    identity, stranger = await platform.service("identity"), address()
    _, email = await new_partner(identity)
    owner = await sign_in(identity, email)
    for _ in range(MAILS + 1):
        taken = await identity.http.post("/users", json={"email": email, "name": "Nina"}, headers=owner)
        assert taken.status_code == 409
    for count in range(MAILS):
        made = await identity.http.post("/users", json={"email": stranger, "name": "Nina"}, headers=owner)
        assert made.status_code == 201, made.text
        await letters_to(identity, stranger, "invitation", count + 1)
        assert (await identity.http.delete(f"/users/{made.json()['id']}", headers=owner)).status_code == 204
    one_more = await identity.http.post("/users", json={"email": stranger, "name": "Nina"}, headers=owner)
    assert one_more.status_code == 429
    assert int(one_more.headers["retry-after"]) > 0


async def test_an_invitation_that_nobody_accepted_stands_in_nobodys_way(platform: Platform) -> None:
    """E6: whoever invites an address does not keep it; of all who did, the first that is accepted has it. Each company
    sees its own, and invites nobody twice."""
    identity, email = await platform.service("identity", instance="many-mails", MAILS_PER_ADDRESS="9"), address()
    owners = [await sign_in(identity, (await new_partner(identity))[1]) for _ in range(3)]
    invited = [await invite(identity, owner, email) for owner in owners]
    for owner, user in zip(owners, invited, strict=True):
        twice = await identity.http.post("/users", json={"email": email, "name": "Nina"}, headers=owner)
        assert (twice.status_code, twice.json()["type"].rpartition("/")[2]) == (409, "email-taken")
        listed = (await identity.http.get("/users", headers=owner)).json()["items"]
        assert [one["email"] for one in listed if one["id"] == user["id"]] == [email]
    by_user = {token.partition(".")[0]: token for token in await links_to(identity, email, 3)}
    assert by_user.keys() == {user["id"] for user in invited}
    wanted = invited[0]
    assert (await follow(identity, "/invitation/accept", by_user[wanted["id"]])).status_code == 204
    me = (await identity.http.get("/me", headers=await sign_in(identity, email, NEW))).json()
    assert (me["id"], me["email"]) == (wanted["id"], email)
    for user in invited[1:]:
        late = await follow(identity, "/invitation/accept", by_user[user["id"]])
        assert (late.status_code, late.json()["type"].rpartition("/")[2]) == (409, "email-taken")
    more = await identity.http.post("/users", json={"email": email, "name": "Nina"}, headers=owners[1])
    assert more.status_code == 409
    await forget(identity, email)
    assert (await link_to(identity, email, "password-reset")).startswith(wanted["id"])
    for owner, user in zip(owners, invited, strict=True):
        assert (await identity.http.delete(f"/users/{user['id']}", headers=owner)).status_code == 204
    assert not await identity.database["users"].find_one({"$or": [{"email": email}, {"invited_as": email}]})


async def test_whoever_reads_an_address_may_take_it_from_an_invitation_elsewhere(platform: Platform) -> None:
    """E6: as his new address, and as the owner of a new partner, with a password or without."""
    identity = await platform.service("identity", instance="many-mails", MAILS_PER_ADDRESS="9")
    emails = [address() for _ in range(3)]
    stranger = await sign_in(identity, (await new_partner(identity))[1])
    for email in emails:
        await invite(identity, stranger, email)
    _, old = await new_partner(identity)
    change = {"proof": {"password": PASSWORD}, "email": emails[0]}
    asked = await identity.http.post("/me/email", json=change, headers=await sign_in(identity, old))
    assert asked.status_code == 202
    token = await link_to(identity, emails[0], "email")
    assert (await identity.http.post("/email/confirm", json={"token": token})).status_code == 204
    await sign_in(identity, emails[0])
    staff = identity.tokens.headers("platform")
    for email, given in ((emails[1], {"password": PASSWORD}), (emails[2], {})):
        body = {"name": "Shop", "owner": {"email": email, "name": "Olga"} | given}
        made = await identity.http.post("/partners", json=body, headers=staff)
        assert (made.status_code, made.json().get("owner_email")) == (201, email), made.text


async def links_to(identity: Service, email: str, count: int) -> list[str]:
    """The tokens in all invitations to an address."""
    letters = await letters_to(identity, email, "invitation", count)
    return [LINK.findall(letter.content.text)[0][1] for letter in letters]
