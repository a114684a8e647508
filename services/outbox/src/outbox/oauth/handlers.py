"""Access tokens of accounts: kept until shortly before they expire, and asked for by one process at a time."""

import asyncio
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from uuid import uuid4

from pymongo.errors import PyMongoError

from common.keyring import Keyring, SecretUnreadable
from outbox.channels import Refused
from outbox.domain import Account, Answer, Outcome
from outbox.oauth.domain import AccessToken, Grant
from outbox.oauth.fetching import Endpoints
from outbox.oauth.storage import GrantStore
from outbox.via import Smtp, Via

LOOK_EVERY_SECONDS = 0.1


@dataclass
class _Kept:
    """The token of an account as it was in `version`; good until then by the loop's clock."""

    turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    token: str | None = field(default=None, repr=False)
    version: int = -1
    until: float = 0.0


@dataclass
class AccessTokens:
    """`early` are the seconds before a token expires in which it is not used any more."""

    store: GrantStore
    keyring: Keyring
    endpoints: Endpoints
    early: float
    _kept: dict[str, _Kept] = field(default_factory=lambda: {})

    async def of(self, account: Account, refused: str | None = None) -> tuple[str, bool]:
        """An access token, another than the one that was `refused`, and whether it is new. Raises Refused."""
        kept, clock = self._kept.setdefault(account.id, _Kept()), asyncio.get_running_loop().time
        async with kept.turn:
            is_good = kept.version == account.version and clock() < kept.until
            if is_good and kept.token is not None and kept.token != refused:
                return kept.token, False
            fresh = await self._ask(account)
            kept.token, kept.version = fresh.text, account.version
            kept.until = clock() + fresh.seconds - self.early
            return fresh.text, True

    async def _ask(self, account: Account) -> AccessToken:
        """Raises Refused."""
        turn, secret = uuid4().hex, None
        via, sealed = await self._begin(account, turn)
        try:
            if not isinstance(via, Smtp) or via.oauth is None or sealed is None:
                raise _refused("there is no refresh token: give one")
            grant = Grant.read(self.keyring.open(sealed, account.sealed_for))
            fresh = await self.endpoints.ask(via.oauth, grant)
            if fresh.refresh_token and fresh.refresh_token != grant.refresh_token:
                secret = self.keyring.seal(str(replace(grant, refresh_token=fresh.refresh_token)), account.sealed_for)
            return fresh
        except SecretUnreadable:
            raise _refused("the refresh token cannot be read any more: give it again") from None
        finally:
            await self._end(account, turn, secret)

    async def _end(self, account: Account, turn: str, secret: str | None) -> None:
        """A new refresh token must not be lost, for the old one may be good no more: while the turn is ours, this is
        tried again when the database is away."""
        clock = asyncio.get_running_loop().time
        until = clock() + self.endpoints.timeout
        while True:
            try:
                return await self.store.end(account, turn, secret)
            except PyMongoError:
                if secret is None or clock() >= until:
                    raise
            await asyncio.sleep(LOOK_EVERY_SECONDS)

    async def _begin(self, account: Account, turn: str) -> tuple[Via, str | None]:
        """Wait for our turn, at most until that of a process that died is over. Raises Refused."""
        seconds = 2 * self.endpoints.timeout
        try:
            async with asyncio.timeout(1.5 * seconds):
                while True:
                    now = datetime.now(UTC)
                    if found := await self.store.begin(account, turn, now, now + timedelta(seconds=seconds)):
                        return found
                    await asyncio.sleep(LOOK_EVERY_SECONDS)
        except TimeoutError:
            words = "another process is asking for its access token"
            raise Refused(Answer(Outcome.TRY_AGAIN, reply=words)) from None


def _refused(words: str) -> Refused:
    return Refused(Answer(Outcome.ACCOUNT_REFUSED, reply=words))
