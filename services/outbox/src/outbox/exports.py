"""The box as a CSV file, made while it is sent (B1)."""

from collections.abc import AsyncIterable, AsyncIterator, Sequence
from datetime import datetime

from common import sheets
from outbox.schemas import MessageView

COLUMNS = (
    "requested_at", "executed_at", "status", "channel", "kind", "account", "from_address", "error", "recipient",
    "recipient_name", "title", "attachments", "order_number", "attempts", "id",
)  # fmt: skip


async def write(pages: AsyncIterable[Sequence[MessageView]]) -> AsyncIterator[str]:
    """The file in parts: a header, then a line for each message."""
    yield sheets.lines([COLUMNS])
    async for page in pages:
        yield sheets.lines(_row(one) for one in page)


def _row(one: MessageView) -> tuple[str, ...]:
    return (
        _time(one.requested_at), _time(one.executed_at), one.status.value, one.channel, one.kind,
        one.account_name or "", one.from_address or "", one.error or "", one.recipient.address, one.recipient.name,
        one.title, "; ".join(file.name for file in one.attachments),
        one.order_number or "; ".join(one.order_numbers), str(one.attempts), one.id,
    )  # fmt: skip


def _time(at: datetime | None) -> str:
    return at.isoformat(timespec="seconds") if at else ""
