"""Contact persons and their rules (A1, A2). No I/O."""

from dataclasses import dataclass, field, replace
from datetime import datetime

import phonenumbers

from common.errors import Conflict, Invalid
from common.events import Role


class BadPhone(Invalid):
    """The number cannot be a phone number where it is said to be."""

    code, title = "bad-phone", "This phone number is not valid"


class TooManyPersons(Conflict):
    """A partner has as many as it may."""

    code, title = "too-many-persons", "There are too many contact persons"


@dataclass(frozen=True, slots=True)
class Undeliverable:
    """A mail server refused the person's address for good; `words` are its own."""

    words: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Person:
    """A contact person of a partner. `phone` is E.164 or None."""

    id: str
    first_name: str
    last_name: str
    email: str
    phone: str | None
    roles: tuple[Role, ...] = field(default=())
    version: int = 1
    undeliverable: Undeliverable | None = None
    """Since the address was last edited or confirmed."""

    def in_region(self, country: str | None) -> "Person":
        """The same person with the phone in E.164; a number without prefix is read as one of `country`.

        Raises BadPhone.
        """
        if self.phone is None:
            return self
        if country is None and not self.phone.lstrip().startswith("+"):
            raise BadPhone("Send the number with its country prefix, for instance +48 601 234 567.")
        try:
            number = phonenumbers.parse(self.phone, country)
        except phonenumbers.NumberParseException:
            raise BadPhone("Send a phone number, for instance +48 601 234 567.") from None
        if not phonenumbers.is_valid_number(number):
            raise BadPhone("No such number is given out in its country; check the digits and the prefix.")
        return replace(self, phone=phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164))

    @property
    def phones(self) -> tuple[str, ...]:
        """The phone with its country prefix, without it, and as it is dialled inside its country (06 1… in Hungary)."""
        if self.phone is None:
            return ()
        number = phonenumbers.parse(self.phone)
        dialled = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.NATIONAL)
        return self.phone, str(number.national_number), phonenumbers.normalize_digits_only(dialled)
