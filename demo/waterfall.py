"""One trace as a waterfall, read from the trace page's own API."""

from typing import Any

import httpx
from rich.table import Table
from rich.text import Text

WIDTH = 44
HIDDEN = ("find", "insert", "update", "getMore", "aggregate", "delete", "ping", "findAndModify")


async def spans_of(client: httpx.AsyncClient, zipkin: str, trace_id: str) -> list[dict[str, Any]]:
    """The spans of a trace, oldest first; empty while none has arrived."""
    answer = await client.get(f"{zipkin}/api/v2/trace/{trace_id}")
    if answer.status_code != 200:
        return []
    spans = [span for span in answer.json() if "timestamp" in span]
    return sorted(spans, key=lambda span: span["timestamp"])


def waterfall(spans: list[dict[str, Any]]) -> Table:
    """A row per span: service, name, when it began, how long it took, and where that lies in the whole."""
    table = Table(title="One order, from the publisher to the mail servers' words", title_justify="left", box=None)
    table.add_column("service", style="cyan")
    table.add_column("what")
    table.add_column("at ms", justify="right")
    table.add_column("took ms", justify="right")
    table.add_column("")
    if not spans:
        return table
    start = min(span["timestamp"] for span in spans)
    end = max(span["timestamp"] + span.get("duration", 0) for span in spans)
    total = max(1, end - start)
    for span in spans:
        begin, took = span["timestamp"] - start, span.get("duration", 0)
        left = int(begin / total * WIDTH)
        bar = " " * left + "━" * max(1, round(took / total * WIDTH))
        failed = "error" in span.get("tags", {}) or span.get("tags", {}).get("outcome", "sent") not in (
            "sent",
            "delivered",
        )
        tags = span.get("tags", {})
        name = f"{span['name']} {tags.get('smtp.code') or tags.get('http.code', '')}".strip()
        table.add_row(
            span.get("localEndpoint", {}).get("serviceName", "?"),
            name,
            f"{begin / 1000:.1f}",
            f"{took / 1000:.1f}",
            Text(bar[: WIDTH + 1], style="red" if failed else "green"),
        )
    return table
