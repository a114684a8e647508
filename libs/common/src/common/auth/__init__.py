"""From a token to the caller, and from the caller to what he may do.

The one place where tokens are checked (`tokens`), where permissions are named (`permissions`), and where a route says
which it needs (`requests`).
"""

from common.auth.permissions import DESCRIPTIONS, NEVER_DELEGATED, ROLES, STAFF_ONLY, Permission, UserRole
from common.auth.requests import SignedIn, caller_of, requires, signed_in
from common.auth.revocations import Revocations
from common.auth.tokens import ALGORITHM, TOKEN_TYPE, Caller, TokenCheck, TrustedKeys

__all__ = [
    "ALGORITHM",
    "DESCRIPTIONS",
    "NEVER_DELEGATED",
    "ROLES",
    "STAFF_ONLY",
    "TOKEN_TYPE",
    "Caller",
    "Permission",
    "Revocations",
    "SignedIn",
    "TokenCheck",
    "TrustedKeys",
    "UserRole",
    "caller_of",
    "requires",
    "signed_in",
]
