"""What a test's code asks the database."""

from pymongo.monitoring import CommandFailedEvent, CommandListener, CommandStartedEvent, CommandSucceededEvent

from common.mongo import Document

KEPT = {"find": ("find", "filter", "sort", "limit"), "aggregate": ("aggregate", "pipeline", "cursor")}


class Asked(CommandListener):
    """Keeps every query that goes to the database."""

    def __init__(self) -> None:
        self.queries: list[Document] = []

    def started(self, event: CommandStartedEvent) -> None:
        if kept := KEPT.get(event.command_name):
            self.queries.append({name: event.command[name] for name in kept if name in event.command})

    def succeeded(self, event: CommandSucceededEvent) -> None:
        """Nothing to keep."""

    def failed(self, event: CommandFailedEvent) -> None:
        """Nothing to keep."""
