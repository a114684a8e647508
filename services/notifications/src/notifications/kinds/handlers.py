"""Use cases of kinds: know them all at any moment, write them, look at how they read."""

import asyncio
import time
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from importlib.resources import files
from typing import Any

from pydantic import ValidationError
from pydantic_core import to_json

from common.errors import ChangedMeanwhile, Invalid, NotFound, Poison
from common.events import Content
from common.events.registry import TOPICS
from common.mongo import Document
from notifications.domain import UnknownKind
from notifications.kinds.checking import faults
from notifications.kinds.domain import OWN_WORDS, Catalogue, Kind, Words, by_id
from notifications.kinds.schemas import KindFields
from notifications.kinds.storage import KindStore

FRESH_SECONDS = 1.0
"""A change of another replica is seen after this."""
SAMPLE_PARTNER = {"id": "prt_example", "name": "Kettle Ltd"}
SAMPLE_RECIPIENT = {"name": "Ann Smith", "address": "ann.smith@kettle.example"}
SAMPLE_LINK = "https://notifications.example/unsubscribe/example"

CONTRACTS = {topic.name: topic.model for topic in TOPICS if topic.publisher == "marketplace"}
"""Topics whose data have a contract of ours, besides what kinds say."""
_OWN = frozenset(topic.name for topic in TOPICS) - CONTRACTS.keys()


class BadKind(Invalid):
    """A kind whose parts do not fit; `errors` lists each with its place."""

    code, title = "bad-kind", "The kind does not hold together"


class BadWords(Invalid):
    """Words that are no template of the kind; `errors` lists each with its place."""

    code, title = "bad-words", "The words name what events of this kind do not have"


class KindChanged(ChangedMeanwhile):
    """The kind has another version than the one that was to be changed."""


class Kinds:
    """All kinds, as they were at most `FRESH_SECONDS` ago."""

    def __init__(self, store: KindStore) -> None:
        self.store = store
        self._catalogue: Catalogue | None = None
        self._loaded_at = 0.0
        self._loading = asyncio.Lock()

    async def current(self, *, fresh: bool = False) -> Catalogue:
        """Every kind. The first time, the shipped ones are stored before. `fresh`: as they are now."""
        asked_at = time.monotonic()
        if self._catalogue is None or fresh or asked_at - self._loaded_at > FRESH_SECONDS:
            async with self._loading:
                if self._catalogue is None or self._loaded_at < asked_at:  # another may have loaded while we waited
                    self._catalogue = await self._load(self._catalogue)
                    self._loaded_at = time.monotonic()
        return self._catalogue

    async def _load(self, before: Catalogue | None) -> Catalogue:
        if before is None:
            await self.store.ship(_shipped(), datetime.now(UTC))
            before = Catalogue()
        versions = await self.store.versions()
        same = {one.id: one for one in before.kinds.values() if versions.get(one.id) == one.version}
        documents = await self.store.get(versions.keys() - same.keys()) if versions.keys() - same.keys() else []
        return by_id([*same.values(), *map(kind_of, documents)])


def _shipped() -> list[tuple[str, str]]:
    folder = files("notifications.kinds") / "shipped"
    return [
        (file.name.removesuffix(".json"), KindFields.model_validate_json(file.read_text()).model_dump_json())
        for file in folder.iterdir()
    ]


def kind_of(document: Document) -> Kind:
    return fields_of(document).to_domain(document["_id"], document["version"])


def fields_of(document: Document) -> KindFields:
    return KindFields.model_validate_json(document["fields"])


async def define(
    kinds: Kinds, kind_id: str, fields: KindFields, only_version: int | None, by: str
) -> tuple[Kind, bool]:
    """Write a kind: a new one, or the next version. Returns it, and whether it is new. Never half: all or nothing.

    `only_version`: change no other version than this. Raises BadKind with each place, KindChanged.
    """
    check(fields.to_domain(kind_id, 0), [one for one in (await kinds.current()).kinds.values() if one.id != kind_id])
    now, text = datetime.now(UTC), fields.model_dump_json()
    before = await kinds.store.with_former(kind_id)
    if before is None:
        if only_version is not None:
            raise UnknownKind("There is none of this id to be changed. Leave `If-Match` out to make it.")
        done = await kinds.store.create(kind_id, text, now, by)
    else:
        if only_version is not None and before["version"] != only_version:
            raise _changed(before)
        done = before["fields"] == text or await kinds.store.change(before, text, now, by)
    if not done:
        raise _changed(await kinds.store.with_former(kind_id))
    return (await kinds.current(fresh=True)).get(kind_id), before is None


def _changed(current: Document | None) -> KindChanged:
    assert current is not None  # kinds are never deleted
    detail = f"It has version {current['version']} now. Read it again, and repeat your change on it."
    return KindChanged(detail, version=current["version"], by=current["by"], at=current["at"].isoformat())


async def document(kinds: Kinds, kind_id: str, version: int | None = None) -> tuple[KindFields, int]:
    """A kind as it was written; the current version unless another is named. Raises UnknownKind, NotFound."""
    for one in await history(kinds, kind_id):
        if version is None or one["version"] == version:
            return fields_of(one), one["version"]
    raise NotFound("There is no such version of it, or none any more.")


async def history(kinds: Kinds, kind_id: str) -> list[Document]:
    """The versions of a kind that are kept, the current one first. Raises UnknownKind."""
    found = await kinds.store.with_former(kind_id)
    if found is None:
        raise UnknownKind(f"The kinds are {', '.join((await kinds.current()).kinds)}.")
    return [found, *reversed(found["former"])]


def check(kind: Kind, others: Iterable[Kind] = ()) -> None:
    """Raises BadKind when the kind cannot work: wrong topic, an example that breaks its contract or its own pointers,
    templates that name what the example does not have."""
    found = [*_topic_errors(kind, others), *_example_errors(kind)]
    for language, templates in kind.templates.items():
        for name in ("subject", "intro", "text", "html", "sms"):
            found += _template_errors(f"templates/{language}/{name}", getattr(templates, name), kind, name != "intro")
    if found:
        raise BadKind("`errors` lists each place.", errors=found)
    for language in kind.templates:
        try:
            sample_content(kind, language, kind.example)
        except Poison as poison:
            problem = {"place": f"templates/{language}", "problem": poison.detail or poison.reason}
            raise BadKind("The example cannot be put into its words.", errors=[problem]) from None


def _topic_errors(kind: Kind, others: Iterable[Kind]) -> list[dict[str, Any]]:
    if kind.topic in _OWN or kind.topic.endswith(".dlq"):
        return [{"place": "topic", "problem": "this topic is Switchboard's own; name one that other systems publish"}]
    if kind.topic in CONTRACTS and kind.type != kind.topic:
        return [{"place": "type", "problem": f"events in this topic have the type {kind.topic}"}]
    if not kind.topic.strip("."):
        return [{"place": "topic", "problem": "a topic cannot have this name"}]
    known = [*(topic.name for topic in TOPICS), *(one.topic for one in others)]
    alike = [one for one in known if one != kind.topic and _as_the_broker_sees(one) == _as_the_broker_sees(kind.topic)]
    return [{"place": "topic", "problem": f"the broker does not tell it from {alike[0]}"}] if alike else []


def _as_the_broker_sees(topic: str) -> str:
    """It makes no topic beside one that differs in dots and underscores only."""
    return topic.replace(".", "_")


def _example_errors(kind: Kind) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    if model := CONTRACTS.get(kind.topic):
        try:
            model.model_validate_json(to_json(kind.example))
        except ValidationError as error:
            found += [
                {"place": "/".join(map(str, ("example", *e["loc"]))), "problem": e["msg"]} for e in error.errors()
            ]
    try:
        if not kind.audience.is_wide:
            kind.partner_in(kind.example)
        kind.order_number_in(kind.example)
        kind.attachments_in(kind.example)
    except Poison as poison:
        found.append({"place": "example", "problem": poison.detail})
    return found


def _template_errors(place: str, source: str, kind: Kind, with_intro: bool) -> list[dict[str, Any]]:
    known = _values(kind, kind.example) | ({"intro": ""} if with_intro else {})
    return [{"place": place, "line": one.line, "problem": one.problem} for one in faults(source, known)]


def check_words(kind: Kind, words: Words) -> None:
    """Raises BadWords when what a partner wrote is no template of this kind."""
    found = [
        *_template_errors("subject", words.subject, kind, with_intro=True),
        *_template_errors("intro", words.intro, kind, with_intro=False),
    ]
    if found:
        raise BadWords("`errors` lists each place.", errors=found)


def sample_content(
    kind: Kind, language: str, data: Mapping[str, Any], words: Words = OWN_WORDS
) -> tuple[Content, Content | None]:
    """The mail, and the SMS where the kind has one, to an invented recipient. Raises Poison."""
    values = _values(kind, data)
    sms = kind.render("sms", language, values) if "sms" in kind.channels else None
    return kind.render("email", language, values, words), sms


def preview(fields: KindFields, language: str, data: Mapping[str, Any] | None) -> tuple[Content, Content | None]:
    """What a kind that is not saved would look like. Raises BadKind."""
    kind = fields.to_domain("preview", 0)
    check(kind)
    try:
        return sample_content(kind, kind.language_for({}, language), kind.example if data is None else data)
    except Poison as poison:
        raise BadKind(
            "The data cannot be put into its words.", errors=[{"place": "data", "problem": poison.detail}]
        ) from None


def _values(kind: Kind, data: Mapping[str, Any]) -> dict[str, Any]:
    link = SAMPLE_LINK if kind.can_unsubscribe else ""
    return {"data": data, "partner": SAMPLE_PARTNER, "recipient": SAMPLE_RECIPIENT, "unsubscribe_url": link}
