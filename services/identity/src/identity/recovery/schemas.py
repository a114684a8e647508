"""Requests about links in mails."""

from typing import Annotated

from pydantic import EmailStr, Field, SecretStr

from identity.schemas import Password, Request

LinkToken = Annotated[SecretStr, Field(min_length=1, max_length=200, description="What the link has after `#token=`.")]


class ForgottenPassword(Request):
    email: EmailStr


class FollowedLink(Request):
    token: LinkToken


class NewPassword(FollowedLink):
    password: Password
