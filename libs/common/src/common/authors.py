"""Who did something, or asks for it: what change histories, the audit log, logs and spans say of it (E6)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Actor:
    """A user of another partner who acts for one of the client's."""

    user_id: str
    partner_id: str


@dataclass(frozen=True, slots=True)
class Author:
    """A user, or the `actor` who acted for him: "user U of partner X, for client Y"."""

    user_id: str
    actor: Actor | None = None

    def fields(self) -> dict[str, Any]:
        """As a document keeps it: `by`, and `actor` where there is one."""
        by = {"by": self.user_id}
        if self.actor is None:
            return by
        return by | {"actor": {"user_id": self.actor.user_id, "partner_id": self.actor.partner_id}}

    @classmethod
    def of(cls, document: Mapping[str, Any]) -> "Author":
        """What `fields` put into a document."""
        actor = document.get("actor")
        return cls(document["by"], Actor(**actor) if actor else None)


@dataclass(frozen=True, slots=True)
class Asker:
    """Who asks for something, and whose data he asks for."""

    author: Author
    partner_id: str

    def names(self) -> dict[str, str]:
        """As logs and spans say it: `user_id`, `partner_id`, and those of the actor where there is one."""
        names = {"user_id": self.author.user_id, "partner_id": self.partner_id}
        if (actor := self.author.actor) is None:
            return names
        return names | {"actor_user_id": actor.user_id, "actor_partner_id": actor.partner_id}
