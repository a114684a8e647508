"""Staff users, who are made by a command."""

import subprocess
import sys

from common.auth import STAFF_ONLY, Permission
from tests.identity.test_sign_in import PASSWORD, new_partner, sign_in
from tests.support.eventually import unique
from tests.support.platform import Platform, Service


def create_staff(identity: Service, email: str) -> str:
    """What the command says: last of all, why it did nothing."""
    call = [sys.executable, "-m", "identity", "create-staff", "--email", email]
    environment = identity.environment | {"STAFF_PASSWORD": PASSWORD}
    done = subprocess.run(call, env=environment, capture_output=True, text=True, timeout=60, check=False)
    return done.stderr.strip().splitlines()[-1] if done.returncode else done.stdout


async def test_the_command_gives_all_permissions_also_those_that_came_since(platform: Platform) -> None:
    """A5: a staff user who was made before a permission existed gets it when the command is repeated."""
    identity = await platform.service("identity")
    email = f"{unique('staff')}@switchboard.example"
    assert "staff user made" in create_staff(identity, email)
    await identity.database["users"].update_one({"email": email}, {"$set": {"permissions": ["partners:write"]}})
    assert "there already" in create_staff(identity, email)
    me = (await identity.http.get("/me", headers=await sign_in(identity, email))).json()
    assert set(me["permissions"]) == set(Permission)


async def test_no_owner_ever_has_what_only_staff_may(platform: Platform) -> None:
    """A5, F6: neither by being the owner, nor by giving it, nor because the command is called with his address."""
    identity = await platform.service("identity")
    _, email = await new_partner(identity)
    owner = await sign_in(identity, email)
    user = {"email": f"{unique('u')}@shop.example.com", "name": "U", "password": PASSWORD}
    for permission in STAFF_ONLY:
        answer = await identity.http.post("/users", json=user | {"permissions": [permission]}, headers=owner)
        assert answer.status_code == 403
    assert "in use" in create_staff(identity, email)
    me = (await identity.http.get("/me", headers=await sign_in(identity, email))).json()
    assert set(me["permissions"]) == set(Permission) - STAFF_ONLY


async def test_an_invitation_of_a_partner_keeps_nobody_from_the_staff(platform: Platform) -> None:
    """A5: whoever invites the address of somebody who is going to be staff does not keep it."""
    identity, email = await platform.service("identity"), f"{unique('staff')}@switchboard.example"
    owner = await sign_in(identity, (await new_partner(identity))[1])
    invited = await identity.http.post("/users", json={"email": email, "name": "Nina"}, headers=owner)
    assert invited.status_code == 201
    assert "staff user made" in create_staff(identity, email)
    me = (await identity.http.get("/me", headers=await sign_in(identity, email))).json()
    assert (me["partner_id"], set(me["permissions"])) == ("platform", set(Permission))
