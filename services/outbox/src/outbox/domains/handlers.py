"""The use cases of domains: make a key, let it sign, stop, and the signer of an account's mails."""

import asyncio
import base64
import secrets
from dataclasses import dataclass, field
from typing import cast

from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

from common.keyring import Keyring, SecretUnreadable
from outbox.channels import Refused
from outbox.dkim import Signer
from outbox.domain import Account, Answer, Outcome
from outbox.domains.domain import Domain, DomainUnknown, Key, NoNewKey, sealed_for
from outbox.domains.storage import DomainStore
from outbox.mime import ascii_address

BITS = 2048


@dataclass
class Domains:
    """What the use cases work with. `signers` are those of accounts, as they were when it connected last."""

    store: DomainStore
    keyring: Keyring
    signers: dict[str, Signer] = field(default_factory=lambda: {})


async def propose_key(domains: Domains, partner_id: str, name: str) -> Domain:
    """A new key for the domain, which does not sign yet; the same as long as it does not."""
    there = await domains.store.get(partner_id, name)
    if there is not None and there.waiting:
        return there
    key = await asyncio.to_thread(rsa.generate_private_key, 65537, BITS)
    selector = f"sb{secrets.token_hex(4)}"
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    public = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    sealed = domains.keyring.seal(private, sealed_for(partner_id, name, selector))
    return await domains.store.propose(partner_id, name, Key(selector, base64.b64encode(public).decode(), sealed))


async def sign_with_new_key(domains: Domains, partner_id: str, name: str) -> Domain:
    """Let the new key sign from now on. Raises DomainUnknown, NoNewKey."""
    there = await domains.store.get(partner_id, name)
    if there is None:
        raise DomainUnknown("There is no such domain.")
    changed = await domains.store.sign_with(partner_id, name, there.waiting) if there.waiting else None
    if changed is None:
        raise NoNewKey("Every key of it signs already; make another first.")
    await domains.store.renew_connections(partner_id)
    return changed


async def remove_domain(domains: Domains, partner_id: str, name: str) -> None:
    """Forget the keys of a domain; its mails leave unsigned. Raises DomainUnknown."""
    if not await domains.store.remove(partner_id, name):
        raise DomainUnknown("There is no such domain.")
    await domains.store.renew_connections(partner_id)


async def load_signer(domains: Domains, account: Account) -> None:
    """Read with which key mails of the account are signed now, if any. Raises Refused when no key of the ring opens it.

    An account without a signature costs one query for each connection.
    """
    name = domain_of(account.from_address)
    found = await domains.store.get(account.partner_id, name)
    if found is None or found.signing is None:
        domains.signers.pop(account.id, None)
        return
    owner = sealed_for(account.partner_id, name, found.signing.selector)
    try:
        private = domains.keyring.open(found.signing.private, owner)
    except SecretUnreadable:
        words = f"the key that mails of {name} are signed with cannot be read any more: make another"
        raise Refused(Answer(Outcome.ACCOUNT_REFUSED, reply=words)) from None
    key = cast(RSAPrivateKey, load_pem_private_key(private.encode(), None))
    domains.signers[account.id] = Signer(name, found.signing.selector, key)


def domain_of(address: str) -> str:
    """The domain of an e-mail address as it stands in the DNS."""
    return ascii_address(address).rpartition("@")[2].lower()
