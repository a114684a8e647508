"""Requests and answers of identity's routes."""

from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, EmailStr, Field, SecretStr, StringConstraints

from common.auth import DESCRIPTIONS, ROLES, STAFF_ONLY, Permission, UserRole
from common.events import Language
from common.events.marketplace import Identifier
from common.ids import new_id
from identity.domain import PASSWORD_MAX, PASSWORD_MIN, Partner, User, folded

Name = Annotated[
    str, StringConstraints(min_length=1, max_length=200, strip_whitespace=True, pattern=r"^[^\x00-\x1f\x7f]*$")
]
Country = Annotated[str, StringConstraints(pattern=r"^[A-Z]{2}$")]
Password = Annotated[SecretStr, Field(min_length=PASSWORD_MIN, max_length=PASSWORD_MAX)]


def _folded(categories: list[str]) -> list[str]:
    return list(dict.fromkeys(categories))


Categories = Annotated[
    list[Identifier],
    AfterValidator(_folded),
    Field(max_length=100, description="Of the products it sells, by id; campaigns name some (A7)."),
]


class Request(BaseModel):
    """Unknown fields are refused: a misspelt one must not be ignored."""

    model_config = ConfigDict(extra="forbid")


FirstPassword = Annotated[
    Password | None, Field(description="Without one he is invited by mail, and sets a password himself.")
]


class NewOwner(Request):
    email: EmailStr
    name: Name
    password: FirstPassword = None


def revealed(password: SecretStr | None) -> str | None:
    return password.get_secret_value() if password else None


class NewPartner(Request):
    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "name": "Kettle & Sons",
                    "language": "en",
                    "country": "PL",
                    "categories": ["kitchen"],
                    "owner": {
                        "email": "olga@kettle.example",
                        "name": "Olga",
                        "password": "seven kettles on a red stove",
                    },
                }
            ]
        }
    )

    name: Name
    language: Language = "en"
    country: Country = "PL"
    categories: Categories = Field(default_factory=lambda: [])
    owner: NewOwner

    def to_domain(self) -> tuple[Partner, User]:
        """The partner and its owner, with new ids."""
        partner_id, owner_id, email = new_id("prt"), new_id("usr"), folded(self.owner.email)
        partner = Partner(
            partner_id, self.name, self.language, self.country, email, owner_id, categories=tuple(self.categories)
        )
        return partner, User(owner_id, partner_id, email, self.owner.name, frozenset(), "", is_owner=True)


class PartnerChange(Request):
    """Only what is sent is changed."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"language": "pl", "categories": ["kitchen", "garden"]}]})

    name: Name | None = None
    language: Language | None = None
    country: Country | None = None
    categories: Categories | None = None
    owner_email: EmailStr | None = None
    second_factor_required: bool | None = Field(
        default=None, description="Users may do nothing until they signed in with a second factor or a passkey."
    )


class PartnerView(BaseModel):
    partner_id: str
    name: str
    language: str
    country: str
    owner_email: str | None
    owner_id: str
    categories: list[str]
    masters_allowed: bool = Field(description="Staff let its users enter accounts of its clients (E1).")
    second_factor_required: bool

    @classmethod
    def of(cls, partner: Partner) -> "PartnerView":
        return cls(
            partner_id=partner.id,
            name=partner.name,
            language=partner.language,
            country=partner.country,
            owner_email=partner.owner_email,
            owner_id=partner.owner_id,
            categories=list(partner.categories),
            masters_allowed=partner.masters_allowed,
            second_factor_required=partner.second_factor_required,
        )


class NewUser(Request):
    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"email": "sam@kettle.example", "name": "Sam", "permissions": ["contacts:read", "outbox:read"]}
            ]
        }
    )

    email: EmailStr
    name: Name
    password: FirstPassword = None
    permissions: list[Permission] = Field(default_factory=lambda: [], max_length=100)
    roles: list[UserRole] = Field(default_factory=lambda: [], max_length=100)

    def to_domain(self, partner_id: str) -> User:
        permissions = frozenset(map(str, self.permissions))
        return User(
            new_id("usr"), partner_id, folded(self.email), self.name, permissions, "", roles=frozenset(self.roles)
        )


class UserChange(Request):
    """Only what is sent is changed. Passwords and addresses are changed by those whose they are, at `/me`."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"permissions": ["contacts:read"]}]})

    name: Name | None = None
    permissions: list[Permission] | None = Field(default=None, max_length=100)
    roles: list[UserRole] | None = Field(default=None, max_length=100)


class UserView(BaseModel):
    id: str
    partner_id: str
    email: str
    name: str
    permissions: list[str] = Field(description="Given one by one.")
    roles: list[str]
    may: list[str] = Field(description="All that he may do: his permissions and those of his roles.")
    is_owner: bool
    is_master: bool = Field(description="He enters accounts of clients; his sign-in leads to the panel (E2, E3).")
    is_invited: bool = Field(description="He has not set a password yet.")
    email_verified: bool = Field(description="Somebody who reads the mails of the address said that it is right.")

    @classmethod
    def of(cls, user: User) -> "UserView":
        return cls(
            id=user.id,
            partner_id=user.partner_id,
            email=user.email,
            name=user.name,
            permissions=sorted(user.permissions),
            roles=sorted(user.roles),
            may=sorted(user.may),
            is_owner=user.is_owner,
            is_master=user.is_master,
            is_invited=user.is_invited,
            email_verified=user.email_verified,
        )


class Worded(BaseModel):
    """The same in two languages."""

    model_config = ConfigDict(from_attributes=True)

    pl: str
    en: str


class PermissionView(BaseModel):
    id: str
    description: Worded
    staff_only: bool


class RoleView(BaseModel):
    """A named set of permissions (D7)."""

    id: str
    name: Worded
    description: Worded
    permissions: list[str]


class Registry(BaseModel):
    """Every permission and every role there is."""

    permissions: list[PermissionView]
    roles: list[RoleView]

    @classmethod
    def complete(cls) -> "Registry":
        permissions = [
            PermissionView(id=one, description=Worded.model_validate(words), staff_only=one in STAFF_ONLY)
            for one, words in DESCRIPTIONS.items()
        ]
        roles = [
            RoleView(
                id=role,
                name=Worded.model_validate(bundle.name),
                description=Worded.model_validate(bundle.description),
                permissions=sorted(bundle.permissions),
            )
            for role, bundle in ROLES.items()
        ]
        return cls(permissions=permissions, roles=roles)


class Token(BaseModel):
    """OAuth 2.1's words for what a client gets; `expires_in` in seconds."""

    access_token: str
    token_type: str = "Bearer"  # noqa: S105
    expires_in: int
    refresh_token: str | None = None
    scope: str | None = None
    issued_token_type: str | None = Field(default=None, description="Of an exchange (RFC 8693).")
    second_factor_missing: bool = Field(
        default=False, description="The company requires one: the token is good for turning it on, and no more."
    )
