"""What a test's code asks the database."""

from pymongo.monitoring import CommandFailedEvent, CommandListener, CommandStartedEvent, CommandSucceededEvent

from common.mongo import Document

KEPT = {"find": ("find", "filter", "sort", "limit"), "aggregate": ("aggregate", "pipeline", "cursor")}


class Asked(CommandListener):
    """Keeps every query that goes to the database; what finds a document to change or delete, as a query."""

    def __init__(self) -> None:
        self.queries: list[Document] = []

    def started(self, event: CommandStartedEvent) -> None:
        command = event.command
        match event.command_name:
            case "find" | "aggregate" as name:
                self.queries.append({field: command[field] for field in KEPT[name] if field in command})
            case "findAndModify" as name:
                self.queries.append(
                    {"find": command[name], "filter": command["query"], "sort": command.get("sort", {})}
                )
            case "delete" as name:
                self.queries += [{"find": command[name], "filter": one["q"]} for one in command["deletes"]]
            case _:
                pass

    def succeeded(self, event: CommandSucceededEvent) -> None:
        """Nothing to keep."""

    def failed(self, event: CommandFailedEvent) -> None:
        """Nothing to keep."""
