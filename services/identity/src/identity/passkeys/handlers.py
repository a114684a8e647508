"""Passkeys: adding, naming, removing, and checking one that is shown."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from common.errors import Conflict, NotFound
from identity.challenges.domain import ChallengeGone, Purpose
from identity.challenges.handlers import Challenges, answer, make
from identity.domain import User
from identity.handlers import Identity, letter_to, secure
from identity.mails.domain import LetterKind
from identity.passkeys import storage
from identity.passkeys.clients import Webauthn
from identity.passkeys.domain import Passkey, PasskeyRefused, WrongPasskey
from identity.passkeys.storage import PasskeyStore

Json = dict[str, Any]


@dataclass
class Passkeys:
    """What the use cases work with; a user has at most `most`."""

    store: PasskeyStore
    webauthn: Webauthn
    challenges: Challenges
    identity: Identity
    most: int


async def begin_adding(passkeys: Passkeys, user: User) -> Json:
    """What the browser makes a passkey by."""
    known = [one.id for one in await passkeys.store.of_user(user)]
    challenge = make(passkeys.challenges, Purpose.NEW_PASSKEY, user.id)
    return passkeys.webauthn.to_register(challenge, user.id, user.email, known)


async def add(passkeys: Passkeys, user: User, credential: Json, name: str) -> Passkey:
    """The passkey that the browser made. Raises PasskeyInvalid, PasskeyRefused, ChallengeGone."""
    challenge = passkeys.webauthn.challenge_in(credential)
    passkey = passkeys.webauthn.registered(credential, challenge, name, datetime.now(UTC))
    if await answer(passkeys.challenges, Purpose.NEW_PASSKEY, challenge) != [user.id]:
        raise ChallengeGone
    news = await letter_to(passkeys.identity, user, LetterKind.PASSKEY_ADDED)
    where, also = storage.may_have(passkey, passkeys.most), storage.adding(passkey)
    try:
        added = await secure(passkeys.identity, user, {}, news=news, where=where, also=also, sign_out=False)
    except Conflict:
        raise PasskeyRefused("It is there already.") from None
    if added is None:
        raise PasskeyRefused(f"It is there already, or one has to be removed first; there are {passkeys.most} at most.")
    return passkey


async def rename(passkeys: Passkeys, user: User, passkey_id: str, name: str) -> None:
    """Raises NotFound."""
    if not await passkeys.store.rename_passkey(user, passkey_id, name):
        raise NotFound("You have no such passkey.")


async def remove(passkeys: Passkeys, user: User, passkey_id: str) -> None:
    """It ends all sessions, since some may have begun with it. Raises NotFound."""
    news = await letter_to(passkeys.identity, user, LetterKind.PASSKEY_REMOVED)
    where, also = storage.has(passkey_id), storage.removing(passkey_id)
    if await secure(passkeys.identity, user, {}, news=news, where=where, also=also, sign_out=True) is None:
        raise NotFound("You have no such passkey.")


def begin_showing(passkeys: Passkeys) -> Json:
    """What a browser shows a passkey by, whoever's it is."""
    return passkeys.webauthn.to_sign_in(make(passkeys.challenges, Purpose.PASSKEY))


async def shown(passkeys: Passkeys, credential: Json) -> User:
    """Whose passkey signed a challenge of ours, this once. Raises WrongPasskey, ChallengeGone."""
    found = await passkeys.store.shown_of_all_partners(str(credential.get("id")))
    challenge = passkeys.webauthn.challenge_in(credential)
    if found is None:
        raise WrongPasskey
    user, passkey = found
    count = passkeys.webauthn.count_after(passkey, user.id, credential, challenge)
    await answer(passkeys.challenges, Purpose.PASSKEY, challenge)
    if not await passkeys.store.count_on(user, passkey, count, datetime.now(UTC)):
        raise WrongPasskey
    return user
