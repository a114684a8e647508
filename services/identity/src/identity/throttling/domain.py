"""How often somebody may try to sign in. No I/O.

Each wrong try costs one of a budget, which fills up again with time. An account has one budget for all addresses that
it never was signed in from, and one of its own for each that it was: so whoever tries passwords from elsewhere uses up
the first, and does not keep the person out, who comes from where he always does. An address has a budget for all the
accounts it tries that were never signed in from there. Nothing here depends on whether the account exists.

A machine has a budget for each address, and none for all together: what it shows cannot be guessed, and whoever knows
its id must not be able to keep it out.
"""

import math
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_network

from common.addresses import parsed
from common.errors import Problem
from common.ids import computed_id


class TooManyAttempts(Problem):
    """The budget is used up; `retry_after` seconds bring one more try."""

    status, code, title = 429, "too-many-attempts", "Too many attempts"

    def __init__(self, seconds: float) -> None:
        whole = max(1, math.ceil(seconds))
        super().__init__(f"Try again in {whole} s.", retry_after=whole)


@dataclass(frozen=True, slots=True)
class Budget:
    """So many tries at once; then one more every `seconds`."""

    tries: int
    seconds: float

    def wait(self, used: float, elapsed: float) -> float:
        """The seconds until there is a try, `elapsed` seconds after `used` were used (less than 0 by a clock that is
        behind); 0 when there is one."""
        return max(0.0, (max(0.0, used - max(0.0, elapsed) / self.seconds) + 1 - self.tries) * self.seconds)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a request came from, by id, and whether the account that it is about was signed in there before."""

    id: str
    is_known: bool


def place_of(address: str) -> str:
    """An id for where a request came from, which does not say where: the address, or the network of an IPv6 one."""
    found = parsed(address)
    if isinstance(found, IPv6Address):
        return computed_id("address", str(ip_network((found, 64), strict=False)))
    return computed_id("address", str(found or address))
