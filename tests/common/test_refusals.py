"""What the log says of refused requests, and how little of a flood (E6)."""

from itertools import count
from typing import Any

import pytest
from structlog.testing import capture_logs

from common.authors import Actor, Asker, Author
from common.errors import Conflict, NotSignedIn, PermissionMissing
from common.refusals import Refusals

EVE = Asker(Author("usr_eve", Actor("usr_master", "prt_master")), "prt_shop")
MISSING = PermissionMissing("You need a permission.")


def told(refusals: Refusals, *problems: Any, asker: Asker | None = None) -> list[dict[str, Any]]:
    with capture_logs() as lines:
        for problem in problems:
            refusals.tell("GET /persons", problem, asker)
    return [{name: value for name, value in line.items() if name not in ("log_level", "module")} for line in lines]


def test_a_refusal_is_told_with_who_asked_and_why_not() -> None:
    """E6: by ids; what somebody got wrong otherwise is his own affair."""
    [line] = told(Refusals(9), MISSING, Conflict("It is there."), asker=EVE)
    assert line == {
        "event": "refused", "route": "GET /persons", "status": 403, "reason": "permission-missing",
        "user_id": "usr_eve", "partner_id": "prt_shop", "actor_user_id": "usr_master", "actor_partner_id": "prt_master",
    }  # fmt: skip
    [line] = told(Refusals(9), NotSignedIn("Sign in again.", because="revoked", asker=EVE))
    assert (line["because"], line["user_id"]) == ("revoked", "usr_eve")


def test_of_a_flood_a_part_is_told_and_how_much_was_left_out() -> None:
    """E6, F4: each second some; and no reason hides another one."""
    now = 0.0
    refusals = Refusals(2, clock=lambda: now)
    assert len(told(refusals, *[MISSING] * 1000)) == 2
    assert len(told(refusals, NotSignedIn("", because="forged"), NotSignedIn("", because="expired"))) == 2
    now = 1.0
    first, second = told(refusals, MISSING, MISSING, MISSING)
    assert (first["left_out"], second.get("left_out")) == (998, None)


@pytest.mark.parametrize("because", ["forged", "expired"])
def test_a_trickle_is_told_whole(because: str) -> None:
    """E6: the clock goes on by a second with each look."""
    seconds = count()
    refusals = Refusals(1, clock=lambda: float(next(seconds)))
    lines = told(refusals, *[NotSignedIn("", because=because)] * 50)
    assert [line["because"] for line in lines] == [because] * 50
    assert not any("left_out" in line for line in lines)
