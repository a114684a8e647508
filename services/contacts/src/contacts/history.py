"""How a change history is shown."""

from datetime import datetime
from typing import Any

from pydantic import BaseModel, Field

from common.http import ActorView
from contacts.versioned import Change


class FieldChange(BaseModel):
    before: Any
    after: Any


class ChangeView(BaseModel):
    """Who did what, when."""

    at: datetime
    by: str = Field(description="Whose account it was done with.")
    actor: ActorView | None = Field(default=None, description="Who acted for him; null when it was he himself (E6).")
    action: str
    fields: dict[str, FieldChange]

    @classmethod
    def of(cls, change: Change) -> "ChangeView":
        fields = {name: FieldChange(before=before, after=after) for name, (before, after) in change.fields.items()}
        actor = ActorView.of(change.author)
        return cls(at=change.at, by=change.author.user_id, actor=actor, action=change.action, fields=fields)
