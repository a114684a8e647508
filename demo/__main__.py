"""`make demo`: plays the story against the running services; exits 0 only if every message arrived."""

import asyncio
import sys

import httpx
from rich.console import Console

from demo.addresses import Addresses
from demo.bounce import come_back
from demo.story import begin, check_arrivals, deliver, explain, explain_afterwards, set_up
from tests.support.gateways import Gateway, listening


async def play(at: Addresses, show: Console) -> bool:
    """The whole story, once; True when every message arrived."""
    async with httpx.AsyncClient(timeout=20) as client, listening(Gateway()) as texts:
        story = await begin(at, client, show, texts)
        await set_up(story)
        await explain(story)
        trace_id = await deliver(story)
        await explain_afterwards(story, trace_id)
        await come_back(story)
        arrived = await check_arrivals(story)
    show.rule("[bold]Look around")
    show.print(f"mail inbox   {at.inbox}\ntrace page   {at.traces}/zipkin/")
    for name, url in at.services.items():
        show.print(f"{name:<12} {url}/docs")
    return arrived


def main() -> int:
    show = Console(width=None if sys.stdout.isatty() else 140)
    try:
        arrived = asyncio.run(play(Addresses.from_environment(), show))
    except (TimeoutError, RuntimeError, httpx.HTTPError) as error:
        show.print(f"[red]The story stopped: {error}[/]")
        return 1
    show.print("[green]Every message arrived.[/]" if arrived else "[red]Not every message arrived.[/]")
    return 0 if arrived else 1


if __name__ == "__main__":
    sys.exit(main())
