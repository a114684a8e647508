"""A kind of notification: which events it is about, whom they concern, and in which words they are told."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import TypeAdapter, ValidationError

from common.errors import Poison
from common.events import AttachmentRef, Channel, Content, Role
from common.events.marketplace import IDENTIFIER, NUMBER, Attachments
from notifications.domain import ByRole, Entry, UnknownKind, at
from notifications.kinds.costs import MOST_OWN_STEPS
from notifications.kinds.templates import compile_template, render

FALLBACK = "en"
MOST_SUBJECT = 300
MOST_INTRO = 2_000
MOST_TEXT = 400_000
MOST_HTML = 800_000
MOST_SMS = 1_000
_ATTACHMENTS: TypeAdapter[list[AttachmentRef]] = TypeAdapter(Attachments)


@dataclass(frozen=True, slots=True)
class Audience:
    """Where in an event's data stands whom it concerns, as JSON Pointers.

    Either `partner`, an id; or any of the others: a list of ids, a list of categories that partners have, and a flag
    that says everyone (A7).
    """

    partner: str | None = None
    partners: str | None = None
    categories: str | None = None
    everyone: str | None = None

    @property
    def is_wide(self) -> bool:
        """One event concerns many partners."""
        return self.partner is None

    def only(self, data: Mapping[str, Any], partner_id: str) -> dict[str, Any]:
        """The data of an event that concerns this partner alone; as they are where events cannot name one."""
        if self.partner:
            return _with(data, self.partner.split("/")[1:], partner_id)
        changed = dict(data)
        if self.partners is None:
            return changed
        for pointer, value in ((self.categories, []), (self.everyone, False), (self.partners, [partner_id])):
            if pointer:
                changed = _with(changed, pointer.split("/")[1:], value)
        return changed


def _with(data: Mapping[str, Any], way: list[str], value: Any) -> dict[str, Any]:
    name = way[0].replace("~1", "/").replace("~0", "~")
    inner = data.get(name)
    return {**data, name: _with(inner if isinstance(inner, Mapping) else {}, way[1:], value) if way[1:] else value}


@dataclass(frozen=True)
class Words:
    """What a partner says in a language instead of the kind's own subject and intro; empty is the kind's."""

    subject: str = ""
    intro: str = ""


OWN_WORDS = Words()


@dataclass(frozen=True)
class Templates:
    """The words of one kind in one language, as they were written."""

    subject: str
    text: str
    html: str = ""
    intro: str = ""
    sms: str = ""

    def compile(self) -> None:
        """Raises BadTemplate when one of them is not in the language."""
        for source in (self.subject, self.text, self.intro, self.sms):
            compile_template(source)
        compile_template(self.html, markup=True)

    def email(self, values: Mapping[str, Any], words: Words = OWN_WORDS) -> Content:
        """The mail; its subject is one line, whatever the values contain. Raises Poison when it is too long."""
        values = {**values, "intro": self._intro(values, words)}
        subject = shortened(_one_line(self._subject(values, words)), MOST_SUBJECT)
        html = render(compile_template(self.html, markup=True), values, MOST_HTML)
        return _content(subject, _text(self.text, values, MOST_TEXT), html)

    def line(self, values: Mapping[str, Any], words: Words = OWN_WORDS) -> tuple[str, str]:
        """Subject and intro alone, a line each. Raises Poison when they are too long."""
        intro = self._intro(values, words)
        subject = self._subject({**values, "intro": intro}, words)
        return shortened(_one_line(subject), MOST_SUBJECT), _one_line(intro)

    def _intro(self, values: Mapping[str, Any], words: Words) -> str:
        return _either(words.intro, self.intro, values, MOST_INTRO)

    def _subject(self, values: Mapping[str, Any], words: Words) -> str:
        return _either(words.subject, self.subject, values, MOST_TEXT)

    def short(self, values: Mapping[str, Any]) -> Content:
        """The SMS, one line. Raises Poison when it is too long."""
        return _content("", _one_line(_text(self.sms, values, MOST_SMS)), "")


def _text(source: str, values: Mapping[str, Any], most: int) -> str:
    return render(compile_template(source), values, most)


def _either(own: str, source: str, values: Mapping[str, Any], most: int) -> str:
    """What a partner wrote, or else the kind's; the first may cost less."""
    return render(compile_template(own), values, most, MOST_OWN_STEPS) if own else _text(source, values, most)


def _one_line(text: str) -> str:
    return " ".join(text.split())


def shortened(text: str, most: int) -> str:
    """At most `most` characters of it."""
    return text if len(text) <= most else text[: most - 1] + "…"


def _content(subject: str, text: str, html: str) -> Content:
    try:
        return Content(subject=subject, text=text, html=html)
    except ValidationError:
        raise Poison("message_too_long", "its words are longer than a message may be") from None


@dataclass(frozen=True)
class Kind:
    """A kind of notification (A6): a document that staff wrote, in its current version."""

    id: str
    version: int
    names: Mapping[str, str]
    topic: str
    type: str
    audience: Audience
    templates: Mapping[str, Templates]
    example: Mapping[str, Any]
    order_number: str | None = None
    language: str | None = None
    attachments: str | None = None
    default_role: Role = "manager"
    priority: int = 5
    channels: tuple[Channel, ...] = ("email",)
    can_unsubscribe: bool = False
    retired: bool = False

    @property
    def default_entries(self) -> tuple[Entry, ...]:
        return (ByRole(self.default_role),)

    def name_in(self, language: str) -> str:
        return self.names.get(language) or self.names[FALLBACK]

    def order_number_in(self, data: Mapping[str, Any]) -> str | None:
        """The order that an event of this kind is about. Raises Poison for what is no number of an order."""
        found = at(data, self.order_number) if self.order_number else None
        if found is None:
            return None
        if not isinstance(found, (str, int)) or len(str(found)) > 64 or not re.fullmatch(NUMBER, str(found)):
            raise Poison("breaks_contract", f"there is no order number at {self.order_number}")
        return str(found)

    def attachments_in(self, data: Mapping[str, Any]) -> list[AttachmentRef]:
        """The files that go with the mails about an event (B12). Raises Poison for what names no file."""
        found = at(data, self.attachments) if self.attachments else None
        if found is None:
            return []
        listed: list[Any] = found if isinstance(found, list) else [found]
        try:
            return _ATTACHMENTS.validate_python(listed)
        except ValidationError:
            raise Poison("breaks_contract", f"there are no attachments at {self.attachments}") from None

    def partner_in(self, data: Mapping[str, Any]) -> str:
        """The partner that an event concerns. Raises Poison when there is none."""
        found = at(data, self.audience.partner) if self.audience.partner else None
        if not isinstance(found, str) or not is_identifier(found):
            raise Poison("breaks_contract", f"there is no partner's id at {self.audience.partner}")
        return found

    def language_for(self, data: Mapping[str, Any], of_partner: str) -> str:
        """The event's language, else the partner's, else English: the first that the kind speaks."""
        of_event = at(data, self.language) if self.language else None
        spoken = (one for one in (of_event, of_partner) if isinstance(one, str) and one in self.templates)
        return next(spoken, FALLBACK)

    def render(self, channel: Channel, language: str, values: Mapping[str, Any], words: Words = OWN_WORDS) -> Content:
        """What one recipient reads. Raises Poison when it cannot be put into words."""
        templates = self.templates[language]
        return templates.short(values) if channel == "sms" else templates.email(values, words)


def is_identifier(text: str) -> bool:
    """Whether this can be an id of a partner."""
    return len(text) <= 64 and re.fullmatch(IDENTIFIER, text) is not None


@dataclass(frozen=True)
class Catalogue:
    """All kinds as they are at one moment."""

    kinds: Mapping[str, Kind] = field(default_factory=lambda: {})

    def all(self) -> list[Kind]:
        """Those in use, by urgency."""
        return sorted(
            (kind for kind in self.kinds.values() if not kind.retired), key=lambda one: (one.priority, one.id)
        )

    def __contains__(self, kind_id: str) -> bool:
        return kind_id in self.kinds

    def get(self, kind_id: str) -> Kind:
        """One, retired or not. Raises UnknownKind."""
        if kind_id not in self.kinds:
            raise UnknownKind(f"The kinds are {', '.join(kind.id for kind in self.all())}.")
        return self.kinds[kind_id]

    def in_use(self, kind_id: str) -> Kind:
        """Raises UnknownKind for one that is retired, too."""
        kind = self.get(kind_id)
        if kind.retired:
            raise UnknownKind("It was retired: no events are read for it any more.")
        return kind

    def of_event(self, topic: str, event_type: str) -> list[Kind]:
        """The kinds that an event of this CloudEvents type in this topic is told as."""
        return [kind for kind in self.all() if (kind.topic, kind.type) == (topic, event_type)]

    def topics(self) -> dict[str, int]:
        """Every topic that is read, with the urgency of its most urgent kind."""
        found: dict[str, int] = {}
        for kind in reversed(self.all()):
            found[kind.topic] = kind.priority
        return found


def by_id(kinds: Iterable[Kind]) -> Catalogue:
    return Catalogue({kind.id: kind for kind in kinds})
