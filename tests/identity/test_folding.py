"""Addresses that differ by capitals are one, and no others are (E4)."""

from tests.identity.letters import letters_to, link_to
from tests.identity.test_recovery import NEW, follow, invite
from tests.identity.test_sign_in import new_partner, sign_in
from tests.support.eventually import unique
from tests.support.platform import Platform


async def test_an_invitation_goes_to_the_company_that_it_is_for(platform: Platform) -> None:
    """E4: weiß.example and weiss.example are two domains, so anna of one and anna of the other are two users."""
    identity, name = await platform.service("identity"), unique("Anna").replace("_", "-")
    _, email = await new_partner(identity)
    owner = await sign_in(identity, email)
    for domain in ("weiß.example.com", "weiss.example.com"):
        address = f"{name}@{domain}".lower()
        assert (await invite(identity, owner, f"{name}@{domain}"))["email"] == address
        token = await link_to(identity, address, "invitation")
        assert (await follow(identity, "/invitation/accept", token)).status_code == 204
        assert await sign_in(identity, f"{name.upper()}@{domain}", NEW)
        assert len(await letters_to(identity, address)) == 1
