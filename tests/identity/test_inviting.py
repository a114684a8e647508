"""Invitations to the same address, again and again (E4)."""

from tests.identity.letters import letters_to
from tests.identity.test_recovery import address
from tests.identity.test_sign_in import new_partner, sign_in
from tests.support.platform import Platform

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
