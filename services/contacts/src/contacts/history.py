"""How a change history is shown."""

from datetime import datetime
from typing import Any

from pydantic import BaseModel

from contacts.versioned import Change


class FieldChange(BaseModel):
    before: Any
    after: Any


class ChangeView(BaseModel):
    """Who did what, when."""

    at: datetime
    by: str
    action: str
    fields: dict[str, FieldChange]

    @classmethod
    def of(cls, change: Change) -> "ChangeView":
        fields = {name: FieldChange(before=before, after=after) for name, (before, after) in change.fields.items()}
        return cls(at=change.at, by=change.by, action=change.action, fields=fields)
