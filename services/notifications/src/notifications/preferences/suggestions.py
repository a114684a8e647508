"""What can be put among the recipients of a kind, suggested while typing: roles and known people (A6)."""

from dataclasses import dataclass

from common.events import Language, Role
from common.roles import ROLE_NAMES
from common.spelling import plain
from notifications import spelling
from notifications.domain import ByEmail, ByRole, Entry, Person
from notifications.storage import Store

# In every language: whoever reads the portal in one may think of a role in another.
_ROLE_WORDS = {role: spelling.words_and_parts(" ".join([role, *names.values()])) for role, names in ROLE_NAMES.items()}


@dataclass(frozen=True, slots=True)
class Suggestion:
    """An entry as `set_recipients` takes it, and how it is shown; `person` is whose address it is."""

    entry: Entry
    label: str
    person: Person | None = None


async def suggest(store: Store, partner_id: str, typed: str, language: Language, limit: int) -> list[Suggestion]:
    """Roles, then people by name, of which each word typed starts a word (A6). Nothing typed suggests nothing."""
    words = spelling.words(typed)
    if not words:
        return []
    roles = [_of_role(role, language) for role in ROLE_NAMES if spelling.each_starts_one(words, _ROLE_WORDS[role])]
    found = sorted(roles, key=lambda one: plain(one.label))[:limit]
    if len(found) < limit:
        people = await store.people_with_words_starting(partner_id, words, limit - len(found))
        found += map(_of_person, people)
    return found


def _of_role(role: Role, language: Language) -> Suggestion:
    return Suggestion(ByRole(role), ROLE_NAMES[role][language])


def _of_person(person: Person) -> Suggestion:
    label = f"{person.name} <{person.email}>" if person.name else person.email
    return Suggestion(ByEmail(person.email), label, person)
