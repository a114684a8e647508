"""The kinds of notification: data in `catalogue/*.json`, compiled once."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

from jinja2 import Template
from jinja2.sandbox import ImmutableSandboxedEnvironment
from pydantic import ValidationError

from common.errors import Poison
from common.events import Content
from notifications.domain import UnknownKind, at

FALLBACK = "en"
MOST_SUBJECT = 300

# The html of a mail escapes what comes from outside; subject and text are no markup.
_HTML = ImmutableSandboxedEnvironment(autoescape=True)
_TEXT = ImmutableSandboxedEnvironment(autoescape=False)


@dataclass(frozen=True)
class Templates:
    """The words of one kind in one language."""

    subject: Template
    text: Template
    html: Template

    @classmethod
    def compile(cls, source: Mapping[str, str]) -> "Templates":
        return cls(
            _TEXT.from_string(source["subject"]), _TEXT.from_string(source["text"]), _HTML.from_string(source["html"])
        )

    def render(self, **values: Any) -> Content:
        """The message; its subject is one line, whatever the values contain. Raises Poison when it is too long."""
        subject = " ".join(self.subject.render(values).split())[:MOST_SUBJECT]
        try:
            return Content(subject=subject, text=self.text.render(values), html=self.html.render(values))
        except ValidationError:
            raise Poison("message_too_long", "its words are longer than a message may be") from None


@dataclass(frozen=True)
class Kind:
    """A kind of notification: how it is called, how urgent it is, and what it says."""

    id: str
    names: Mapping[str, str]
    priority: int
    order_number: str | None
    templates: Mapping[str, Templates]

    def render(self, language: str, **values: Any) -> Content:
        return (self.templates.get(language) or self.templates[FALLBACK]).render(**values)

    def order_number_in(self, data: Mapping[str, Any]) -> str | None:
        """The order that an event of this kind is about."""
        return at(data, self.order_number) if self.order_number else None


class Kinds:
    """Every kind by id, and the words for a message that could not be delivered."""

    def __init__(self) -> None:
        folder = files("notifications") / "catalogue"
        documents = {file.name: json.loads(file.read_text()) for file in folder.iterdir() if file.name.endswith("json")}
        self._escalation = _templates(documents.pop("escalation.json"))
        self._kinds = {one["id"]: _kind(one) for one in documents.values()}

    def all(self) -> list[Kind]:
        """By urgency."""
        return sorted(self._kinds.values(), key=lambda kind: kind.priority)

    def __contains__(self, kind_id: str) -> bool:
        return kind_id in self._kinds

    def get(self, kind_id: str) -> Kind:
        """Raises UnknownKind."""
        if kind_id not in self._kinds:
            raise UnknownKind(f"The kinds are {', '.join(kind.id for kind in self.all())}.")
        return self._kinds[kind_id]

    def escalation(self, language: str) -> Templates:
        return self._escalation.get(language) or self._escalation[FALLBACK]


def _templates(document: Mapping[str, Any]) -> dict[str, Templates]:
    return {language: Templates.compile(source) for language, source in document["templates"].items()}


def _kind(document: Mapping[str, Any]) -> Kind:
    return Kind(
        id=document["id"],
        names=document["names"],
        priority=document["priority"],
        order_number=document["order_number"],
        templates=_templates(document),
    )
