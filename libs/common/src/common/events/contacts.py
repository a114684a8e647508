"""What contacts publishes."""

from typing import Any, ClassVar, Literal

from pydantic import Field

from common.events.envelope import State
from common.events.marketplace import Identifier

Role = Literal["call_centre", "finance", "logistics", "manager", "marketing", "rma", "sales", "tech", "user"]
"""The nine business roles (A2)."""


class ContactChanged(State):
    """The whole current state of a partner's contact person (A1)."""

    TOPIC: ClassVar[str] = "contact.changed"
    EXAMPLES: ClassVar[list[dict[str, Any]]] = [
        {
            "partner_id": "prt_7f3k2m",
            "person_id": "per_8h2n5c",
            "version": 2,
            "first_name": "Zofia",
            "last_name": "Nowak",
            "email": "zofia.nowak@czajnik.example",
            "phone": "+48123456789",
            "roles": ["manager", "sales"],
        }
    ]

    partner_id: Identifier
    person_id: Identifier
    first_name: str = ""
    last_name: str = ""
    email: str = ""
    phone: str | None = Field(default=None, description="E.164")
    roles: list[Role] = Field(default_factory=lambda: [])
    undeliverable: str | None = Field(
        default=None, description="A mail server refused the e-mail address for good, in these words."
    )

    def key(self) -> str:
        return f"{self.partner_id}:{self.person_id}"
