"""Structured logs: one JSON object per line on standard output, with the trace's id.

The rule for whoever logs: ids, counts and codes only. Never an address, a name, a text, a secret, nor an exception's
message (it may quote any of these): `error=error_code(exc)` says what kind of error and where.
"""

import logging
import sys
import traceback
from typing import Any

import structlog
from opentelemetry import trace
from structlog.typing import EventDict


def configure_logs(service: str, level: str = "INFO") -> None:
    """Make structlog and the standard library's loggers write JSON lines that carry `service` and `trace_id`."""
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            _add_trace,
            _add_service(service),
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level]),
        logger_factory=structlog.PrintLoggerFactory(sys.stdout),
        cache_logger_on_first_use=True,
    )
    logging.basicConfig(handlers=[_Libraries()], level=logging.WARNING, force=True)
    # Both say in many lines what readiness says in one; and their texts may quote what they were given.
    for noisy in ("aiokafka", "pymongo"):
        logging.getLogger(noisy).setLevel(logging.CRITICAL)


def logger(name: str) -> structlog.typing.FilteringBoundLogger:
    """The logger of a module."""
    return structlog.get_logger(module=name)


def error_code(error: BaseException) -> str:
    """Type of `error` and the last place of ours or theirs it passed: never its message."""
    frames = traceback.extract_tb(error.__traceback__)
    where = f" at {frames[-1].name}:{frames[-1].lineno}" if frames else ""
    return f"{type(error).__name__}{where}"


class _Libraries(logging.Handler):
    """A line for what a library says: its text only where that is known to be free of contents."""

    def emit(self, record: logging.LogRecord) -> None:
        text = record.getMessage() if record.name.startswith("uvicorn") and not record.exc_info else record.funcName
        error = record.exc_info[1] if record.exc_info else None
        log = structlog.get_logger(module=record.name)
        log.warning("library", text=text, error=error_code(error) if error else None)


def _add_trace(_: Any, __: str, event: EventDict) -> EventDict:
    context = trace.get_current_span().get_span_context()
    if context.is_valid and "trace_id" not in event:
        event["trace_id"] = f"{context.trace_id:032x}"
    return event


def _add_service(service: str) -> structlog.typing.Processor:
    def add(_: Any, __: str, event: EventDict) -> EventDict:
        event["service"] = service
        return event

    return add
