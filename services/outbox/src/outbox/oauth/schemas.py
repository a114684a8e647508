"""How an account signs in with access tokens, as it is asked for and shown."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

Visible = r"^[!-~]+$"
Url = Annotated[str, StringConstraints(max_length=500, pattern=r"^https?://[A-Za-z0-9._-]+(:\d{1,5})?/[!-~]*$")]


class OAuthFields(BaseModel):
    """Access tokens (OAuth 2.0) are asked for with the account's refresh token."""

    model_config = ConfigDict(extra="forbid", from_attributes=True)

    token_url: Url = Field(
        description="At a host that the operator allows.", examples=["https://oauth2.googleapis.com/token"]
    )
    client_id: Annotated[str, StringConstraints(min_length=1, max_length=300, pattern=Visible)]
    scope: Annotated[str, StringConstraints(min_length=1, max_length=1_000, pattern=r"^[ -~]+$")] | None = Field(
        default=None, description="null: what the refresh token was given for."
    )
