"""The registry of permissions: every name that may stand in a token, in words, and the roles that bundle them."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class Permission(StrEnum):
    """What one may do. `DESCRIPTIONS` says it in words."""

    PARTNERS_WRITE = "partners:write"
    KINDS_WRITE = "kinds:write"
    DEAD_LETTERS_READ = "dead_letters:read"
    DEAD_LETTERS_WRITE = "dead_letters:write"
    USERS_READ = "users:read"
    USERS_WRITE = "users:write"
    MACHINES_READ = "machines:read"
    MACHINES_WRITE = "machines:write"
    ENTRIES_READ = "entries:read"
    ENTRIES_WRITE = "entries:write"
    AUDIT_READ = "audit:read"
    CONTACTS_READ = "contacts:read"
    CONTACTS_WRITE = "contacts:write"
    NOTIFICATIONS_READ = "notifications:read"
    NOTIFICATIONS_WRITE = "notifications:write"
    OUTBOX_READ = "outbox:read"
    OUTBOX_RESEND = "outbox:resend"
    OUTBOX_DELETE = "outbox:delete"
    ACCOUNTS_WRITE = "accounts:write"
    ATTACHMENTS_WRITE = "attachments:write"
    REPORTS_WRITE = "reports:write"
    CRM_READ = "crm:read"
    CRM_WRITE = "crm:write"
    CRM_PARTNERS_READ = "crm_partners:read"
    CRM_PARTNERS_WRITE = "crm_partners:write"
    CRM_PARTNERS_MANAGE = "crm_partners:manage"
    CRM_CUSTOMERS_READ = "crm_customers:read"
    CRM_CUSTOMERS_WRITE = "crm_customers:write"
    CRM_CUSTOMERS_MANAGE = "crm_customers:manage"


class UserRole(StrEnum):
    """A named set of permissions that a user may hold (D7). `ROLES` says which."""

    ACCOUNT_PARTNER_MANAGER = "account_partner_manager"
    ACCOUNT_CUSTOMER_MANAGER = "account_customer_manager"
    ACCOUNT_PARTNER_READER = "account_partner_reader"
    ACCOUNT_CUSTOMER_READER = "account_customer_reader"
    ACCOUNT_PARTNER_ADMIN = "account_partner_admin"
    ACCOUNT_CUSTOMER_ADMIN = "account_customer_admin"


@dataclass(frozen=True, slots=True)
class Words:
    """The same in the languages of those who give permissions."""

    pl: str
    en: str


@dataclass(frozen=True, slots=True)
class Bundle:
    """What a role is called, what it is for, and what it gives."""

    name: Words
    description: Words
    permissions: frozenset[Permission]


STAFF_ONLY = frozenset(
    {Permission.PARTNERS_WRITE, Permission.KINDS_WRITE, Permission.DEAD_LETTERS_READ, Permission.DEAD_LETTERS_WRITE}
)
"""No user of a partner ever has these, not even its owner."""

NEVER_DELEGATED = STAFF_ONLY | {
    Permission.USERS_WRITE,
    Permission.MACHINES_WRITE,
    Permission.ENTRIES_WRITE,
    Permission.ACCOUNTS_WRITE,
}
"""Nobody has these in an account that he entered for somebody else: they let others in, or hold credentials (E6)."""

DESCRIPTIONS: Mapping[Permission, Words] = {
    Permission.PARTNERS_WRITE: Words(
        "Obsługa: zakładanie partnerów i ich właścicieli", "Staff: create partners and their owners"
    ),
    Permission.KINDS_WRITE: Words("Obsługa: edycja rodzajów powiadomień", "Staff: write the kinds of notification"),
    Permission.DEAD_LETTERS_READ: Words(
        "Obsługa: wgląd w zdarzenia, których nie dało się przetworzyć, wszystkich partnerów",
        "Staff: see what could not be processed, of all partners",
    ),
    Permission.DEAD_LETTERS_WRITE: Words(
        "Obsługa: ponawianie i zamykanie zdarzeń, których nie dało się przetworzyć",
        "Staff: replay and discard what could not be processed",
    ),
    Permission.USERS_READ: Words("Przeglądanie użytkowników firmy", "See the users of the company"),
    Permission.USERS_WRITE: Words(
        "Zakładanie użytkowników firmy i nadawanie im uprawnień",
        "Create users of the company and say what they may do",
    ),
    Permission.MACHINES_READ: Words("Przeglądanie systemów z dostępem do konta", "See which systems have access"),
    Permission.MACHINES_WRITE: Words(
        "Nadawanie i odbieranie dostępu systemom", "Let systems in, give them new secrets, and shut them out"
    ),
    Permission.ENTRIES_READ: Words(
        "Przeglądanie dostępu partnerów wdrożeniowych i ich wejść na konto",
        "See which partners have access to the account, and when they entered it",
    ),
    Permission.ENTRIES_WRITE: Words(
        "Nadawanie i odbieranie dostępu partnerom wdrożeniowym, zatwierdzanie i kończenie ich wejść",
        "Let partners into the account, confirm and end their entries",
    ),
    Permission.AUDIT_READ: Words(
        "Przeglądanie i eksport dziennika zdarzeń: kto, co, kiedy i skąd zrobił",
        "See and export the audit log: who did what, when, from where",
    ),
    Permission.CONTACTS_READ: Words(
        "Przeglądanie osób kontaktowych i adresów", "See contact persons and company addresses"
    ),
    Permission.CONTACTS_WRITE: Words(
        "Edycja osób kontaktowych i adresów", "Change contact persons and company addresses"
    ),
    Permission.NOTIFICATIONS_READ: Words("Przeglądanie ustawień powiadomień", "See who is notified of what, and why"),
    Permission.NOTIFICATIONS_WRITE: Words("Zmiana ustawień powiadomień", "Change who is notified of what"),
    Permission.OUTBOX_READ: Words("Przeglądanie skrzynki nadawczej", "See the box of sent messages"),
    Permission.OUTBOX_RESEND: Words("Ponowne wysyłanie wiadomości", "Send messages again"),
    Permission.OUTBOX_DELETE: Words("Usuwanie wiadomości ze skrzynki", "Delete messages from the box"),
    Permission.ACCOUNTS_WRITE: Words(
        "Zakładanie, zmiana i sprawdzanie kont nadawczych", "Create, change and test sender accounts"
    ),
    Permission.ATTACHMENTS_WRITE: Words("Wgrywanie załączników wiadomości", "Upload files that messages carry"),
    Permission.REPORTS_WRITE: Words(
        "Zgłaszanie zwrotów i wyników doręczenia", "Hand in mails that could not be delivered and came back"
    ),
    Permission.CRM_READ: Words("Przeglądanie wszystkich kontaktów CRM", "See all contact records"),
    Permission.CRM_WRITE: Words("Edycja wszystkich kontaktów CRM", "Change all contact records"),
    Permission.CRM_PARTNERS_READ: Words(
        "Przeglądanie wszystkich kont typu Partner", "See all accounts of the type partner"
    ),
    Permission.CRM_PARTNERS_WRITE: Words(
        "Edycja wszystkich kont typu Partner", "Change all accounts of the type partner"
    ),
    Permission.CRM_PARTNERS_MANAGE: Words(
        "Przeglądanie i edycja tych kont typu Partner, których jest się menedżerem",
        "See and change those accounts of the type partner that one manages",
    ),
    Permission.CRM_CUSTOMERS_READ: Words(
        "Przeglądanie wszystkich kont typu Customer", "See all accounts of the type customer"
    ),
    Permission.CRM_CUSTOMERS_WRITE: Words(
        "Edycja wszystkich kont typu Customer", "Change all accounts of the type customer"
    ),
    Permission.CRM_CUSTOMERS_MANAGE: Words(
        "Przeglądanie i edycja tych kont typu Customer, których jest się menedżerem",
        "See and change those accounts of the type customer that one manages",
    ),
}


def _bundle(name: str, pl: str, en: str, *permissions: Permission) -> Bundle:
    """The six are called the same in every language."""
    return Bundle(Words(name, name), Words(pl, en), frozenset(permissions))


ROLES: Mapping[UserRole, Bundle] = {
    UserRole.ACCOUNT_PARTNER_MANAGER: _bundle(
        "Account Partner Manager",
        "Czyta i zmienia konta typu Partner, których jest menedżerem",
        "Reads and changes accounts of the type partner that he manages",
        Permission.CRM_PARTNERS_MANAGE,
    ),
    UserRole.ACCOUNT_CUSTOMER_MANAGER: _bundle(
        "Account Customer Manager",
        "Czyta i zmienia konta typu Customer, których jest menedżerem",
        "Reads and changes accounts of the type customer that he manages",
        Permission.CRM_CUSTOMERS_MANAGE,
    ),
    UserRole.ACCOUNT_PARTNER_READER: _bundle(
        "Account Partner Reader",
        "Czyta wszystkie konta typu Partner",
        "Reads all accounts of the type partner",
        Permission.CRM_PARTNERS_READ,
    ),
    UserRole.ACCOUNT_CUSTOMER_READER: _bundle(
        "Account Customer Reader",
        "Czyta wszystkie konta typu Customer",
        "Reads all accounts of the type customer",
        Permission.CRM_CUSTOMERS_READ,
    ),
    UserRole.ACCOUNT_PARTNER_ADMIN: _bundle(
        "Account Partner Admin",
        "Czyta i zmienia wszystkie konta typu Partner",
        "Reads and changes all accounts of the type partner",
        Permission.CRM_PARTNERS_READ,
        Permission.CRM_PARTNERS_WRITE,
    ),
    UserRole.ACCOUNT_CUSTOMER_ADMIN: _bundle(
        "Account Customer Admin",
        "Czyta i zmienia wszystkie konta typu Customer",
        "Reads and changes all accounts of the type customer",
        Permission.CRM_CUSTOMERS_READ,
        Permission.CRM_CUSTOMERS_WRITE,
    ),
}
