"""What the fields of a sender account may hold."""

import json
import re
from typing import Annotated

from pydantic import AfterValidator, Field, JsonValue, SecretStr, StringConstraints

from outbox.domain import whole

NO_CONTROL = r"^[^\x00-\x1f\x7f]*$"
MOST_BODY = 4_000
Name = Annotated[str, StringConstraints(min_length=1, max_length=100, strip_whitespace=True, pattern=NO_CONTROL)]
SenderName = Annotated[str, StringConstraints(max_length=100, pattern=NO_CONTROL)]
Host = Annotated[str, StringConstraints(min_length=1, max_length=253, pattern=r"^[A-Za-z0-9._:-]+$")]
User = Annotated[str, StringConstraints(min_length=1, max_length=320, pattern=NO_CONTROL)]
DOMAIN = r"^[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9-]+)+$"
Domain = Annotated[str, StringConstraints(max_length=253, to_lower=True, strip_whitespace=True, pattern=DOMAIN)]
URL = r"^https?://([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(:\d{1,5})?"
Origin = Annotated[str, StringConstraints(max_length=300, pattern=URL + r"$")]
Url = Annotated[str, StringConstraints(max_length=2_000, pattern=URL + r"(/[!-\"$-~]*)?$")]
Header = Annotated[str, StringConstraints(min_length=1, max_length=100, pattern=r"^[A-Za-z0-9-]+$")]
Pointer = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=r"^(/[^/]*)+$")]
OURS = frozenset({"host", "content-type", "content-length", "transfer-encoding", "connection", "accept", "user-agent"})
"""Headers that no account sets."""

Status = Annotated[str, StringConstraints(min_length=1, max_length=50, pattern=r"^[A-Za-z0-9_ -]+$")]
"""As a gateway calls it."""


def _free(header: str) -> str:
    if header.lower() in OURS:
        raise ValueError("this header is ours to set")
    return header


def _complete(body: dict[str, JsonValue]) -> dict[str, JsonValue]:
    try:
        text = json.dumps(body, ensure_ascii=False, allow_nan=False)
    except ValueError:
        raise ValueError("NaN and Infinity are no JSON") from None
    _check_whole(text)
    if len(text) > MOST_BODY:
        raise ValueError(f"at most {MOST_BODY} characters")
    if "{to}" not in text or "{text}" not in text:
        raise ValueError("`{to}` and `{text}` must stand in it")
    return body


def _whole(secret: SecretStr) -> SecretStr:
    _check_whole(secret.get_secret_value())
    return secret


def _check_whole(text: str) -> None:
    if whole(text) != text:
        raise ValueError("half a character cannot be sent")


def _printable(secret: SecretStr) -> SecretStr:
    if not re.fullmatch(r"[!-~]+", secret.get_secret_value()):
        raise ValueError("visible ASCII characters only")
    return secret


Secret = Annotated[SecretStr, Field(min_length=1, max_length=1000), AfterValidator(_whole)]
FreeHeader = Annotated[Header, AfterValidator(_free)]
HeaderSecret = Annotated[Secret, AfterValidator(_printable)]
Body = Annotated[dict[str, JsonValue], AfterValidator(_complete)]
