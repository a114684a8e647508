"""Who is told, against a model that only says who must be (A6–A9): people, settings and refusals change at random."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from common.events import Channel, Role
from notifications.directory import Directory, Preference
from notifications.domain import (
    MANAGER,
    ByEmail,
    ByRole,
    Closed,
    Entry,
    Nobody,
    Partner,
    Person,
    Reason,
    Resolution,
    Why,
    address_messages,
    fold,
)
from notifications.handlers import resolve_for
from notifications.kinds.domain import Audience, Kind
from notifications.resolving import next_in_chain

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
OWNER = "olga@shop.example"
ROLES: tuple[Role, ...] = ("sales", MANAGER)
ADDRESSES = ("ann@shop.example", "Bob@shop.example", "bob@SHOP.example", "cyd@other.example")
NAMES = ("ann", "bob", "cyd")

names = st.sampled_from(NAMES)
owners = st.sampled_from([None, OWNER, "ANN@shop.example"])
addresses = st.sampled_from(ADDRESSES)
channels = st.lists(st.sampled_from(["email", "sms"]), min_size=1, max_size=2, unique=True).map(tuple)
roles = st.frozensets(st.sampled_from(ROLES))
entries = st.lists(
    st.builds(ByRole, st.sampled_from(ROLES), channels) | st.builds(ByEmail, addresses, channels), max_size=5
)
Told = set[tuple[Channel, str]]
Meant = tuple[str, Person | None, tuple[Channel, ...]]


@dataclass
class Model:
    """What is set and known, and who must be told then. Addresses are compared without case."""

    people: dict[str, Person] = field(default_factory=lambda: {})
    entries: tuple[Entry, ...] = ()
    refused: set[str] = field(default_factory=lambda: set())
    unsubscribed: set[str] = field(default_factory=lambda: set())
    muted_until: datetime | None = None
    with_sms: bool = True
    owner: str | None = OWNER

    def of(self, address: str) -> list[Person]:
        return [one for one in self.people.values() if one.email.casefold() == address.casefold()]

    def holders(self, role: Role) -> list[tuple[str, Person | None]]:
        return [(one.email, one) for one in self.people.values() if role in one.roles]

    def owners(self, address: str) -> list[tuple[str, Person | None]]:
        return [(address, one) for one in self.of(address)] or [(address, None)]

    def reached(self, address: str, person: Person | None, wanted: tuple[Channel, ...]) -> Told:
        """What contacts says of an address counts; of one that is nobody's, what mail servers said."""
        folded = address.casefold()
        if folded in self.unsubscribed:
            return set()
        phone = person.phone if person and self.with_sms and "sms" in wanted else None
        takes_mail = not person.undeliverable if person else folded not in self.refused
        told: Told = {("sms", phone)} if phone else set()
        if takes_mail and ("email" in wanted or not phone):
            told.add(("email", folded))
        return told

    def meant(self) -> list[Meant]:
        found: list[Meant] = []
        for entry in self.entries or (ByRole(MANAGER),):
            who = self.holders(entry.role) if isinstance(entry, ByRole) else self.owners(entry.email)
            found += [(*one, entry.channels) for one in who]
        return found

    def told(self) -> Told | None:
        """None: nobody can be told, and the event waits."""
        meant = self.meant()
        if told := {one for who in meant for one in self.reached(*who)}:
            return told
        if meant and all(address.casefold() in self.unsubscribed for address, *_ in meant):
            return set()
        if told := {one for who in self.holders(MANAGER) for one in self.reached(*who, ("email",))}:
            return told
        if self.owner is None:
            return None
        return set() if self.owner.casefold() in self.unsubscribed else {("email", self.owner.casefold())}


def addresses_in(listed: Iterable[Entry]) -> set[str]:
    return {one.email.casefold() for one in listed if isinstance(one, ByEmail)}


class WhoIsTold(RuleBasedStateMachine):
    """A partner's contacts, settings and luck with mail servers, changed in any order."""

    def __init__(self) -> None:
        super().__init__()
        self.model = Model()

    @initialize(listed=entries, holds=st.tuples(roles, roles))
    def a_partner_has_begun(self, listed: list[Entry], holds: tuple[frozenset[Role], frozenset[Role]]) -> None:
        self.model.entries = fold(listed)
        for name, address, held in zip(NAMES, ADDRESSES, holds, strict=False):
            self.model.people[name] = Person(name, name, address, held)

    @rule(name=names, address=addresses, holds=roles, phone=st.sampled_from([None, "+48111", "+48222"]))
    def contacts_has_a_person(self, name: str, address: str, holds: frozenset[Role], phone: str | None) -> None:
        self.model.people[name] = Person(name, name, address, holds, phone)

    @rule(name=names)
    def contacts_deletes_a_person(self, name: str) -> None:
        self.model.people.pop(name, None)

    @rule(name=names, holds=roles)
    def roles_change(self, name: str, holds: frozenset[Role]) -> None:
        if name in self.model.people:
            self.model.people[name] = replace(self.model.people[name], roles=holds)

    @rule(address=addresses)
    def a_mail_server_refuses(self, address: str) -> None:
        """Contacts marks everybody who has the address; what is nobody's is remembered here."""
        for one in self.model.of(address):
            self.model.people[one.id] = replace(one, undeliverable="550 no such mailbox")
        if not self.model.of(address):
            self.model.refused.add(address.casefold())

    @rule(name=names)
    def an_address_is_confirmed(self, name: str) -> None:
        if name in self.model.people:
            self.model.people[name] = replace(self.model.people[name], undeliverable=None)

    @rule(listed=entries)
    def recipients_are_set(self, listed: list[Entry]) -> None:
        """What is listed is tried again; only who is listed anew is subscribed again."""
        before, now = addresses_in(self.model.entries), addresses_in(listed)
        self.model.entries = fold(listed)
        self.model.refused -= now
        self.model.unsubscribed -= now - before

    @rule(address=st.sampled_from([*ADDRESSES, OWNER]))
    def a_reader_unsubscribes(self, address: str) -> None:
        self.model.unsubscribed.add(address.casefold())

    @rule(owner=owners)
    def the_owner_changes(self, owner: str | None) -> None:
        self.model.owner = owner

    @rule(minutes=st.integers(-2, 2))
    def the_kind_is_muted(self, minutes: int) -> None:
        self.model.muted_until = NOW + timedelta(minutes=minutes)

    @rule(with_sms=st.booleans())
    def the_kind_changes(self, with_sms: bool) -> None:
        self.model.with_sms = with_sms

    @invariant()
    def just_those_are_told_who_must_be(self) -> None:
        model, directory = self.model, directory_of(self.model)
        assert bool(directory.muted_until("prt", NOW)) == bool(model.muted_until and model.muted_until > NOW)
        try:
            found = resolve_for(directory, directory.partners["prt"])
        except Nobody:
            assert model.told() is None
            return
        told = [(one.channel, one.address.casefold()) for one in found.recipients]
        assert set(told) == model.told()
        assert len(told) == len(set(told)), "nobody twice"
        assert found.recipients or model.unsubscribed, "never silently nobody"
        self._names_who_is_left_out(found)
        for one in found.recipients:
            assert one.reasons
            assert len(one.reasons) == len(set(one.reasons)), "each reason once"
            for reason in one.reasons:
                self._is_true(one.channel, one.person_id, reason)

    def _names_who_is_left_out(self, found: Resolution) -> None:
        """Whoever is meant and gets nothing."""
        mailed = {one.address.casefold() for one in found.recipients if one.channel == "email"}
        left_out = {one.address.casefold() for one in found.left_out}
        lost = {address.casefold() for address, *_ in filter(self._is_lost, self.model.meant())}
        assert lost - mailed <= left_out
        assert not left_out & mailed, "told and left out at once"
        assert all("unsubscribed" in one.why or "550" in one.why for one in found.left_out)

    def _is_lost(self, meant: Meant) -> bool:
        return not self.model.reached(*meant)

    def _is_true(self, channel: Channel, person_id: str | None, reason: Reason) -> None:
        people = self.model.people
        person, held = people.get(person_id or ""), {role for one in people.values() for role in one.roles}
        match reason.why:
            case Why.HOLDS_ROLE:
                assert any(set(reason.roles) <= one.roles for one in people.values())
            case Why.LISTED:
                assert any(isinstance(entry, ByEmail) for entry in self.model.entries)
            case Why.NO_PHONE:
                assert (channel, self.model.with_sms) == ("email", True)
                assert person is None or not person.phone or len(self.model.of(person.email)) > 1
            case _:
                assert reason.unreachable or not held & set(reason.roles)
                assert reason.why is Why.OWNER_STANDS_IN or (person and MANAGER in person.roles)


PARTNER = Partner("prt", "Shop", "en", OWNER)


def directory_of(model: Model) -> Directory:
    kind = Kind(
        id="k", version=1, names={}, topic="k", type="k", audience=Audience("/partner_id"), templates={}, example={},
        channels=("email", "sms") if model.with_sms else ("email",), can_unsubscribe=True,
    )  # fmt: skip
    preference = Preference(model.entries or None, model.muted_until)
    closed = Closed(dict.fromkeys(model.refused, "550 unknown"), frozenset(model.unsubscribed))
    partner = replace(PARTNER, owner_email=model.owner)
    people = list(model.people.values())
    return Directory(kind, {"prt": partner}, {"prt": preference}, {"prt": people}, {"prt": closed})


TestWhoIsTold = WhoIsTold.TestCase
TestWhoIsTold.settings = settings(max_examples=150, stateful_step_count=12)


phones, refusals = st.none() | st.just("+48111"), st.none() | st.just("550 no such mailbox")
people = st.lists(st.builds(Person, names, names, addresses, roles, phones, refusals), max_size=5)
contacts = st.lists(people, min_size=1, max_size=4)
"""The partner's people, from one failure to the next."""


@given(contacts, addresses, st.data())
def test_escalation_ends_whatever_fails(contacts: list[list[Person]], first: str, data: st.DataObject) -> None:
    """A8: any message may fail, mail or SMS, while people change; each step is higher, and none repeats."""
    failing: list[tuple[int, str, str]] = [(0, first, "m-0"), (0, "+48111", "m-1")]
    asked = {"m-0", "m-1"}
    while failing:
        level, address, message_id = failing.pop()
        now, partner = data.draw(st.sampled_from(contacts)), replace(PARTNER, owner_email=data.draw(owners))
        reached, found = next_in_chain(level, address, now, partner)
        assert reached > level or not found
        assert not found or reached <= 2
        assert address.casefold() not in {one.address.casefold() for one in found}
        for one in address_messages(message_id, found):
            assert one.message_id not in asked, "asked for twice"
            asked.add(one.message_id)
            if data.draw(st.booleans()):
                failing.append((reached, one.address, one.message_id))
    assert len(asked) <= 2 * (1 + 5 + 5), "every failure has at most the managers and the owner behind it"


def test_the_words_of_standing_in_say_what_is_lacking() -> None:
    """A8, A9."""
    sales: tuple[Role, ...] = ("sales",)
    words = {
        Reason(Why.MANAGER_STANDS_IN, sales): "nobody holds sales: the manager stands in",
        Reason(Why.MANAGER_STANDS_IN, sales, True): "nobody who holds sales can be reached: the manager stands in",
        Reason(Why.MANAGER_STANDS_IN, (), True): "no listed address can be reached: the manager stands in",
        Reason(Why.OWNER_STANDS_IN, sales): "nobody holds sales, nor can a manager be reached: the owner stands in",
        Reason(Why.OWNER_STANDS_IN, (MANAGER,)): "there is no manager: the owner stands in",
        Reason(Why.OWNER_STANDS_IN, (MANAGER,), True): "no manager can be reached: the owner stands in",
    }
    assert {reason: reason.words() for reason in words} == words
