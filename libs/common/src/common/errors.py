"""The errors every service speaks of, typed once.

Three families, and what happens to each:

* `Problem`: the caller must change something. Over HTTP it becomes an RFC 9457 problem document.
* `Poison`: a record that can never be understood. It goes to the dead letters, its neighbours go on.
* own trouble (`is_own_trouble`): database or broker away. Nothing is wrong with the request or the record;
  HTTP answers 503, a subscription stalls in place and tries again.
"""

from collections.abc import Callable
from typing import Any, TypeVar

from aiokafka import errors as kafka
from pymongo import errors as mongo

from common.authors import Asker

T = TypeVar("T")

PROBLEM_BASE = "https://switchboard.dev/problems/"

_OURS_TO_MEND = frozenset({14031, 13, 18})
"""The disk is full; the database does not let us do this, or does not know our password: no record is to blame."""
_KAFKA_OWN = (
    kafka.KafkaConnectionError,
    kafka.KafkaTimeoutError,
    kafka.RequestTimedOutError,
    kafka.NodeNotReadyError,
    kafka.NotEnoughReplicasError,
    kafka.NotEnoughReplicasAfterAppendError,
    kafka.LeaderNotAvailableError,
    kafka.NotLeaderForPartitionError,
    kafka.CoordinatorNotAvailableError,
    kafka.CoordinatorLoadInProgressError,
    kafka.NotCoordinatorError,
    kafka.ProducerClosed,
    kafka.UnknownTopicOrPartitionError,
)
_MONGO_OWN = (mongo.ConnectionFailure, mongo.WriteConcernError, mongo.ExecutionTimeout)


class Problem(Exception):
    """Something the caller must change: an RFC 9457 problem document with a stable `type`.

    `detail` says what to change. `extra` are additional members of the document; never secrets or addresses of others.
    """

    status = 400
    code = "bad-request"
    title = "Bad request"

    def __init__(self, detail: str, **extra: Any) -> None:
        super().__init__(self.code)
        self.detail = detail
        self.extra = extra

    def document(self) -> dict[str, Any]:
        """The problem document as JSON-ready members."""
        return {
            "type": PROBLEM_BASE + self.code,
            "title": self.title,
            "status": self.status,
            "detail": self.detail,
            **self.extra,
        }

    def headers(self) -> dict[str, str]:
        """The HTTP headers that go with it: of an extra `retry_after` (whole seconds) the standard one."""
        return {"Retry-After": str(self.extra["retry_after"])} if "retry_after" in self.extra else {}


class NotSignedIn(Problem):
    """401: no token, or one that is not valid any more. For the log: which of these (`because`), and whose it was."""

    status, code, title = 401, "not-signed-in", "Sign in first"

    def __init__(self, detail: str, *, because: str = "", asker: Asker | None = None, **extra: Any) -> None:
        super().__init__(detail, **extra)
        self.because = because
        self.asker = asker

    def headers(self) -> dict[str, str]:
        return {"WWW-Authenticate": "Bearer"}


class PermissionMissing(Problem):
    """403: the token is good, but lacks a permission (A5); the document names it."""

    status, code, title = 403, "permission-missing", "Permission missing"


class ActingForAnother(PermissionMissing):
    """403: whoever acts for somebody else does not touch access, credentials, second factors or sessions (E6)."""

    code, title = "acting-for-another", "Not while you act for somebody else"


class NotFound(Problem):
    """404: unknown, or another partner's: the two are never told apart."""

    status, code, title = 404, "not-found", "Not found"


class Conflict(Problem):
    """409: the state of the thing does not allow it."""

    status, code, title = 409, "conflict", "Conflict"


class ChangedMeanwhile(Problem):
    """412: the caller changes a version that is not the current one; the document says which that is."""

    status, code, title = 412, "changed-meanwhile", "Somebody changed it since you read it"


class Invalid(Problem):
    """422: the input breaks a rule; `errors` in the document lists each place."""

    status, code, title = 422, "invalid", "Invalid input"


class Unavailable(Problem):
    """503: a part that we depend on is away; the same request may be sent again."""

    status, code, title = 503, "unavailable", "Temporarily unavailable"

    def headers(self) -> dict[str, str]:
        return {"Retry-After": "1"} | super().headers()


class RevocationsUnheard(Unavailable):
    """503: somebody acts for somebody else, and it is not known whether he still may (E6). Own users go on."""

    code, title = "revocations-unheard", "It is not known whether this access was revoked"


class Poison(Exception):
    """A record that can never be processed. `reason` is a stable code, `detail` says why without its contents."""

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(f"{reason}: {detail}" if detail else reason)
        self.reason = reason
        self.detail = detail


def is_own_trouble(error: BaseException) -> bool:
    """True when `error` says that our database or broker is away or shut, so that waiting and trying again is right."""
    if isinstance(error, (*_MONGO_OWN, *_KAFKA_OWN)):
        return True
    if isinstance(error, mongo.BulkWriteError) and error.details.get("writeConcernErrors"):
        return True  # written, but perhaps not by a majority yet
    if isinstance(error, mongo.OperationFailure):
        return error.has_error_label("RetryableWriteError") or error.code in _OURS_TO_MEND
    return False


def tried(work: Callable[[], T]) -> T | Exception:
    """What `work` returns, or the error that it raises: of many things one that is broken shall not cost the others."""
    try:
        return work()
    except Exception as error:  # noqa: BLE001  whatever is wrong with that one
        return error
