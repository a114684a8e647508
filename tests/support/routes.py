"""Every route, and what a caller needs for it: what tests hold the published OpenAPI documents against."""

import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import httpx

from common.auth import Permission as May

DOCUMENTS = Path(__file__).parents[2] / "contracts" / "openapi"
SERVICES = ("identity", "contacts", "notifications", "outbox", "crm")

OPEN = {
    "/livez": "the machine that runs the service asks, and has no token",
    "/readyz": "the same",
    "/metrics": "the same; numbers only",
    "/openapi.json": "what the service can do is published anyway",
    "/docs": "the same",
    "/docs/oauth2-redirect": "the same",
    "/redoc": "the same",
    "/sign-in": "one has no token before",
    "/token": "the same; a refresh token or a secret is the proof",
    "/sign-in/second-step": "one has no token before; the challenge comes of a password",
    "/sign-in/passkey/challenge": "one has no token before",
    "/sign-in/passkey": "the same; a passkey is the proof",
    "/password/forgotten": "whoever forgot his password has no token; the answer tells nothing",
    "/password/reset": "the link in a mail is the proof",
    "/invitation/accept": "the same",
    "/email/confirm": "the same",
    "/.well-known/oauth-authorization-server": "says where tokens are given",
    "/.well-known/jwks.json": "public keys are public",
    "/accounts/{account_id}/reports": "a gateway has no token; what it reports is signed as the account says",
    "/accounts/{account_id}/reports/{proof}": "the same; SMSAPI signs nothing, so the URL is the proof",
    "/unsubscribe/{token}": "readers of mails have no token; the link is signed, and says what it is for",
}

LIST = "a list that is the same for everybody"
OWN = "about whoever asks"
PROVEN = "about whoever asks, with a proof that it is he"
BEGUN = "about whoever asks, who began it with a proof"
MASTER = "about whoever asks, who is marked as a master user"
ACTING = "about whoever asks, who acts for somebody else"

_DEAD_LETTERS: dict[str, dict[str, May | str]] = {
    "/dead-letters": {"GET": May.DEAD_LETTERS_READ},
    "/dead-letters/counts": {"GET": May.DEAD_LETTERS_READ},
    "/dead-letters/replay": {"POST": May.DEAD_LETTERS_WRITE},
    "/dead-letters/{letter_id}": {"GET": May.DEAD_LETTERS_READ},
    "/dead-letters/{letter_id}/discard": {"POST": May.DEAD_LETTERS_WRITE},
    "/dead-letters/{letter_id}/replay": {"POST": May.DEAD_LETTERS_WRITE},
}
NEEDS: dict[str, dict[str, dict[str, May | str]]] = {
    "identity": {
        **_DEAD_LETTERS,
        "/audit": {"GET": May.AUDIT_READ},
        "/audit.csv": {"GET": May.AUDIT_READ},
        "/audit.ndjson": {"GET": May.AUDIT_READ},
        "/entries": {"GET": May.ENTRIES_READ},
        "/entries/ours": {"GET": May.ENTRIES_READ},
        "/entries/{entry_id}": {"DELETE": May.ENTRIES_WRITE},
        "/entries/{entry_id}/confirm": {"POST": May.ENTRIES_WRITE},
        "/entries/{entry_id}/refuse": {"POST": May.ENTRIES_WRITE},
        "/entry": {"GET": ACTING},
        "/entry/leave": {"POST": ACTING},
        "/machines": {"GET": May.MACHINES_READ, "POST": May.MACHINES_WRITE},
        "/machines/{machine_id}": {"DELETE": May.MACHINES_WRITE},
        "/machines/{machine_id}/keys": {"PUT": May.MACHINES_WRITE},
        "/machines/{machine_id}/secret": {"POST": May.MACHINES_WRITE},
        "/me": {"GET": OWN},
        "/me/email": {"POST": PROVEN},
        "/me/email/confirmation": {"POST": OWN},
        "/me/passkeys": {"GET": OWN, "POST": PROVEN},
        "/me/passkeys/challenge": {"POST": OWN},
        "/me/passkeys/{passkey_id}": {"PATCH": OWN},
        "/me/passkeys/{passkey_id}/removal": {"POST": PROVEN},
        "/me/password": {"PUT": PROVEN},
        "/me/second-factor": {"GET": OWN, "POST": PROVEN},
        "/me/second-factor/confirmation": {"POST": BEGUN},
        "/me/second-factor/recovery-codes": {"POST": PROVEN},
        "/me/second-factor/removal": {"POST": PROVEN},
        "/panel": {"GET": MASTER},
        "/panel/{client_id}/code": {"POST": MASTER},
        "/panel/{client_id}/entry": {"DELETE": MASTER},
        "/panel/{client_id}/request": {"POST": MASTER},
        "/partner": {"GET": OWN, "PATCH": May.USERS_WRITE},
        "/partner-access": {"GET": May.ENTRIES_READ},
        "/partner-access/{partner_id}": {"PUT": May.ENTRIES_WRITE, "DELETE": May.ENTRIES_WRITE},
        "/partners": {"GET": May.PARTNERS_WRITE, "POST": May.PARTNERS_WRITE},
        "/partners/{partner_id}/clients": {"GET": May.PARTNERS_WRITE},
        "/partners/{partner_id}/clients/{client_id}": {"PUT": May.PARTNERS_WRITE},
        "/partners/{partner_id}/masters": {"PUT": May.PARTNERS_WRITE},
        "/permissions": {"GET": LIST},
        "/sessions": {"GET": OWN, "DELETE": OWN},
        "/sessions/{session_id}": {"DELETE": OWN},
        "/users": {"GET": May.USERS_READ, "POST": May.USERS_WRITE},
        "/users/{user_id}": {"PATCH": May.USERS_WRITE, "DELETE": May.USERS_WRITE},
        "/users/{user_id}/invitation": {"POST": May.USERS_WRITE},
        "/users/{user_id}/master": {"PUT": May.USERS_WRITE},
        "/users/{user_id}/password-reset": {"POST": May.USERS_WRITE},
        "/users/{user_id}/sessions": {"DELETE": May.USERS_WRITE},
    },
    "contacts": {
        **_DEAD_LETTERS,
        "/address-types": {"GET": LIST},
        "/addresses": {"GET": May.CONTACTS_READ, "POST": May.CONTACTS_WRITE},
        "/addresses/{address_id}": {
            "GET": May.CONTACTS_READ,
            **dict.fromkeys(("PUT", "PATCH", "DELETE"), May.CONTACTS_WRITE),
        },
        "/addresses/{address_id}/history": {"GET": May.CONTACTS_WRITE},
        "/coverage": {"GET": May.CONTACTS_READ},
        "/overview": {"GET": May.CONTACTS_READ},
        "/persons": {"GET": May.CONTACTS_READ, "POST": May.CONTACTS_WRITE},
        "/persons.csv": {"GET": May.CONTACTS_READ},
        "/persons/import": {"POST": May.CONTACTS_WRITE},
        "/persons/{person_id}": {
            "GET": May.CONTACTS_READ,
            **dict.fromkeys(("PUT", "PATCH", "DELETE"), May.CONTACTS_WRITE),
        },
        "/persons/{person_id}/confirm-email": {"POST": May.CONTACTS_WRITE},
        "/persons/{person_id}/history": {"GET": May.CONTACTS_WRITE},
        "/roles": {"GET": LIST},
    },
    "notifications": {
        **_DEAD_LETTERS,
        "/events": {"GET": May.NOTIFICATIONS_READ},
        "/kinds": {"GET": LIST},
        "/kinds/preview": {"POST": May.KINDS_WRITE},
        "/kinds/{kind}": {"GET": LIST, "PUT": May.KINDS_WRITE},
        "/kinds/{kind}/dry-run": {"POST": May.NOTIFICATIONS_READ},
        "/kinds/{kind}/versions": {"GET": May.KINDS_WRITE},
        "/kinds/{kind}/versions/{version}": {"GET": May.KINDS_WRITE},
        "/quiet-hours": {
            "GET": May.NOTIFICATIONS_READ,
            "PUT": May.NOTIFICATIONS_WRITE,
            "DELETE": May.NOTIFICATIONS_WRITE,
        },
        "/settings": {"GET": May.NOTIFICATIONS_READ},
        "/settings/{kind}": {
            "GET": May.NOTIFICATIONS_READ,
            "PUT": May.NOTIFICATIONS_WRITE,
            "DELETE": May.NOTIFICATIONS_WRITE,
        },
        "/settings/{kind}/digest": {"PUT": May.NOTIFICATIONS_WRITE, "DELETE": May.NOTIFICATIONS_WRITE},
        "/settings/{kind}/mute": {"PUT": May.NOTIFICATIONS_WRITE, "DELETE": May.NOTIFICATIONS_WRITE},
        "/settings/{kind}/unsubscribed/{address}": {"DELETE": May.NOTIFICATIONS_WRITE},
        "/settings/{kind}/words/{language}": {"PUT": May.NOTIFICATIONS_WRITE, "DELETE": May.NOTIFICATIONS_WRITE},
        "/suggestions": {"GET": May.NOTIFICATIONS_READ},
    },
    "outbox": {
        **_DEAD_LETTERS,
        "/accounts": {"GET": May.OUTBOX_READ, "POST": May.ACCOUNTS_WRITE},
        "/accounts/health": {"GET": May.OUTBOX_READ},
        "/accounts/{account_id}": {"PUT": May.ACCOUNTS_WRITE, "DELETE": May.ACCOUNTS_WRITE},
        "/accounts/{account_id}/test": {"POST": May.ACCOUNTS_WRITE},
        "/attachments": {"POST": May.ATTACHMENTS_WRITE},
        "/domains": {"GET": May.OUTBOX_READ, "POST": May.ACCOUNTS_WRITE},
        "/domains/{name}": {"DELETE": May.ACCOUNTS_WRITE},
        "/domains/{name}/sign": {"POST": May.ACCOUNTS_WRITE},
        "/inbound/mail": {"POST": May.REPORTS_WRITE},
        "/messages": {"GET": May.OUTBOX_READ},
        "/messages.csv": {"GET": May.OUTBOX_READ},
        "/messages/counts": {"GET": May.OUTBOX_READ},
        "/messages/delete": {"POST": May.OUTBOX_DELETE},
        "/messages/resend": {"POST": May.OUTBOX_RESEND},
        "/messages/{message_id}": {"GET": May.OUTBOX_READ, "DELETE": May.OUTBOX_DELETE},
        "/messages/{message_id}/attachments/{number}": {"GET": May.OUTBOX_READ},
        "/messages/{message_id}/resend": {"POST": May.OUTBOX_RESEND},
        "/orders/{order_number}/messages": {"GET": May.OUTBOX_READ},
        "/settings": {"GET": May.OUTBOX_READ, "PUT": May.OUTBOX_DELETE},
    },
    "crm": {
        **_DEAD_LETTERS,
        "/orders/{order_number}/timeline": {"GET": May.CRM_READ},
        "/records": {"GET": May.CRM_READ, "POST": May.CRM_WRITE},
        "/records/{record_id}": {"GET": May.CRM_READ, "PUT": May.CRM_WRITE, "DELETE": May.CRM_WRITE},
        "/records/{record_id}/timeline": {"GET": May.CRM_READ},
    },
}
"""Service, path and method → the permission that it takes; words instead where a token alone will do, and why."""


class Route(NamedTuple):
    """One operation of a service."""

    service: str
    method: str
    path: str

    @property
    def name(self) -> str:
        return f"{self.method} {self.path}"

    @property
    def permission(self) -> May | None:
        """None where a token alone will do."""
        need = NEEDS[self.service][self.path][self.method]
        return need if isinstance(need, May) else None


@cache
def paths(service: str) -> dict[str, dict[str, Any]]:
    """Path → operation by method, of the published document."""
    return json.loads((DOCUMENTS / f"{service}.json").read_text())["paths"]


def routes() -> Iterator[Route]:
    """All that are published, and take a token."""
    for service in SERVICES:
        for path, operations in paths(service).items():
            if path not in OPEN:
                yield from (Route(service, method.upper(), path) for method in operations)


def said(answer: httpx.Response) -> tuple[int, str]:
    """Its status, and the last word of the problem's type; empty where it is no problem."""
    is_problem = answer.headers.get("content-type") == "application/problem+json"
    return answer.status_code, answer.json()["type"].rpartition("/")[2] if is_problem else ""
