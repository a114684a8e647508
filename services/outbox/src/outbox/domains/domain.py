"""Domains that mails are signed for, and their keys. No I/O."""

from dataclasses import dataclass, field

from common.errors import Conflict, NotFound


class DomainUnknown(NotFound):
    code, title = "domain-unknown", "There is no such domain"


class NoNewKey(Conflict):
    """There is no key that does not sign yet."""

    code, title = "no-new-key", "The domain has no new key"


@dataclass(frozen=True, slots=True)
class Key:
    """A key of a domain. `private` is sealed; `public` is base64 as it stands in the DNS."""

    selector: str
    public: str
    private: str = field(repr=False)

    def dns_name(self, domain: str) -> str:
        return f"{self.selector}._domainkey.{domain}"

    @property
    def dns_value(self) -> str:
        return f"v=DKIM1; k=rsa; p={self.public}"


@dataclass(frozen=True, slots=True)
class Domain:
    """A partner's domain: the key that signs, and a new one that waits until its record is in the DNS."""

    name: str
    signing: Key | None
    waiting: Key | None


def sealed_for(partner_id: str, domain: str, selector: str) -> str:
    """The owner that the private half of a key is sealed for."""
    return f"{partner_id}/dkim/{domain}/{selector}"
