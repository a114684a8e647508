"""What somebody proves with who he is, in requests."""

from typing import Annotated, Any

from pydantic import AfterValidator, Field, SecretStr, StringConstraints, model_validator

from identity.domain import PASSWORD_MAX
from identity.proofs.domain import Proof
from identity.schemas import Request

Code = Annotated[
    str,
    StringConstraints(min_length=1, max_length=50, pattern=r"^[A-Za-z0-9 -]*$"),
    Field(description="Of the app, or a recovery code. Each is good once."),
]
LONGEST_TEXT = 50_000
"""In what a browser makes: some kilobytes. What is in it is parsed before anybody knows who asks."""


def _short(credential: dict[str, Any]) -> dict[str, Any]:
    inside: list[Any] = [credential]
    while inside:
        one = inside.pop()
        if isinstance(one, str) and len(one) > LONGEST_TEXT:
            raise ValueError(f"a text in it has more than {LONGEST_TEXT} characters")
        if isinstance(one, (dict, list)):
            inside.extend(one.values() if isinstance(one, dict) else one)  # pyright: ignore[reportUnknownArgumentType, reportUnknownMemberType]
    return credential


Credential = Annotated[
    dict[str, Any],
    AfterValidator(_short),
    Field(max_length=20, description="What the browser made of a challenge (`PublicKeyCredential.toJSON()`)."),
]


class ProofGiven(Request):
    """All that signing in would need, in the same request: a passkey, or the password and a code if a second factor is
    on."""

    password: Annotated[SecretStr, Field(max_length=PASSWORD_MAX, description="The current one.")] | None = None
    code: Code | None = None
    passkey: Credential | None = None

    @model_validator(mode="after")
    def one_of_them(self) -> "ProofGiven":
        if (self.password is None) == (self.passkey is None):
            raise ValueError("send `password`, or `passkey`")
        return self

    def to_domain(self) -> Proof:
        password = self.password.get_secret_value() if self.password else ""
        return Proof(password, self.code or "", self.passkey)
