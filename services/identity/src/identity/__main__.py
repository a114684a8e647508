"""`python -m identity` serves; for operators are `create-staff --email X`, `verify-audit`, `rotate-keys` (a new key to
sign with) and `rotate-keyring` (a new key of `IDENTITY_KEYRING`)."""

import argparse
import asyncio
import os
import sys
from collections.abc import Awaitable, Callable

from common.auth import Permission
from common.keyring import Keyring
from common.logs import configure_logs
from common.resealing import rotate
from common.service import run
from identity import handlers
from identity.audit.clients import sealed
from identity.audit.handlers import verify
from identity.domain import PASSWORD_MIN, EmailTaken, PasswordTooEasy
from identity.handlers import Identity
from identity.keys.handlers import replace_all
from identity.main import INDEXES, SEALED, Wired, build, wire
from identity.settings import Settings


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m identity")
    commands = parser.add_subparsers(dest="command")
    staff = commands.add_parser("create-staff", help="make a staff user; the password is taken from STAFF_PASSWORD")
    staff.add_argument("--email", required=True)
    commands.add_parser("rotate-keys", help="announce a new signing key and retire the others")
    check = commands.add_parser("verify-audit", help="find entries of the audit log that are missing or were changed")
    check.add_argument("partner", nargs="?", help="only the log of this one")
    ring = commands.add_parser("rotate-keyring", help="seal everything with the newest key of IDENTITY_KEYRING")
    ring.add_argument("--check", action="store_true", help="change nothing, only say what still needs older keys")
    chosen = parser.parse_args()
    settings = Settings()  # pyright: ignore[reportCallIssue]  the environment gives the rest
    match chosen.command:
        case "create-staff":
            password = os.environ.get("STAFF_PASSWORD", "")
            if len(password) < PASSWORD_MIN:
                sys.exit(f"put a password of at least {PASSWORD_MIN} characters into STAFF_PASSWORD")
            everything = frozenset(map(str, Permission))
            return _once(settings, lambda it: _create_staff(it.identity, chosen.email, password, everything))
        case "rotate-keys":
            return _once(settings, lambda it: replace_all(it.keys))
        case "verify-audit":
            return _once(settings, lambda it: _verify_audit(it, chosen.partner))
        case "rotate-keyring":
            return _rotate_keyring(settings, is_check=chosen.check)
        case _:
            run(settings, build)
            return 0


async def _create_staff(identity: Identity, email: str, password: str, permissions: frozenset[str]) -> None:
    try:
        made = await handlers.create_staff(identity, email, password, permissions)
    except (EmailTaken, PasswordTooEasy) as error:
        sys.exit(f"{error.title}. {error.detail}")
    print("staff user made" if made else "this staff user is there already")  # noqa: T201  the command's answer


async def _verify_audit(it: Wired, partner: str | None) -> None:
    seals, count = await sealed(it.kafka, partner), 0
    async for flaw in verify(it.audit, seals, partner):
        print(f"{flaw.partner_id}: entry {flaw.sequence} is {flaw.wrong}")  # noqa: T201
        count += 1
    if count:
        sys.exit(f"{count} entries are wrong")
    print("nothing is missing or was changed")  # noqa: T201


def _rotate_keyring(settings: Settings, *, is_check: bool) -> int:
    tallies = rotate(settings, Keyring.parse(settings.identity_keyring), SEALED, is_check=is_check)
    print(*tallies, sep="\n")  # noqa: T201  the command's answer
    return int(any(tally.need_older_keys for tally in tallies))


def _once(settings: Settings, work: Callable[[Wired], Awaitable[None]]) -> int:
    async def alone() -> None:
        it = wire(settings)
        await it.mongo.ensure(INDEXES)
        await work(it)
        await it.mongo.close()

    configure_logs(settings.service_name, settings.log_level)
    asyncio.run(alone())
    return 0


if __name__ == "__main__":
    sys.exit(main())
