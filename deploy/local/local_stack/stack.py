"""The stack: Kafka, MongoDB, the mail inbox and the trace page as processes."""

import signal
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from local_stack import kafka
from local_stack.places import HERE
from local_stack.ports import PORTS_OF, Ports
from local_stack.processes import END_SECONDS, Process, answers, end_all, listens, wait_ready
from local_stack.tools import Tools, install_stack

PARTS = tuple(PORTS_OF)


@dataclass
class Stack:
    """Running parts. `kill` and `restart` are for fault tests: the data stays."""

    ports: Ports
    parts: dict[str, Process] = field(default_factory=lambda: {})

    @classmethod
    @contextmanager
    def start(
        cls,
        folder: Path,
        only: Sequence[str] = PARTS,
        ports: Ports | None = None,
        tools: Tools | None = None,
        wait_for: Sequence[str] = PARTS,
    ) -> "Generator[Stack]":
        """Start `only` these parts with their data in `folder`; they end with the context. Raises Trouble.

        On entry those of `wait_for` are ready; `wait` waits for the rest.
        """
        stack = cls(ports or Ports.free())
        stack.parts = _processes(stack, only, folder, tools or install_stack())
        try:
            for part in stack.parts.values():
                part.start()
            wait_ready([part for name, part in stack.parts.items() if name in wait_for])
            yield stack
        finally:
            end_all(list(stack.parts.values()))

    @property
    def kafka_bootstrap(self) -> str:
        return f"127.0.0.1:{self.ports['KAFKA_PORT']}"

    @property
    def mongo_url(self) -> str:
        return f"mongodb://127.0.0.1:{self.ports['MONGO_PORT']}/?directConnection=true"

    @property
    def smtp_port(self) -> int:
        return self.ports["SMTP_PORT"]

    @property
    def inbox_url(self) -> str:
        return f"http://127.0.0.1:{self.ports['INBOX_PORT']}"

    @property
    def zipkin_url(self) -> str:
        return f"http://127.0.0.1:{self.ports['ZIPKIN_PORT']}"

    def wait(self) -> None:
        """Wait until every part is ready. Raises Trouble."""
        wait_ready(list(self.parts.values()))

    def kill(self, name: str) -> None:
        """SIGKILL a part and wait for its end."""
        self.parts[name].stop(signal.SIGKILL)
        self.parts[name].wait(END_SECONDS)

    def restart(self, name: str) -> None:
        """SIGKILL a part unless it is dead already, start it again and wait until it is ready. Raises Trouble."""
        self.kill(name)
        self.parts[name].start()
        wait_ready([self.parts[name]])


def _processes(stack: Stack, only: Sequence[str], folder: Path, tools: Tools) -> dict[str, Process]:
    makers: dict[str, Callable[[Stack, Path, Tools], tuple[list[str], Callable[[], bool]]]] = {
        "kafka": _kafka,
        "mongo": _mongo,
        "mail": _mail,
        "traces": _traces,
    }
    made: dict[str, Process] = {}
    for name in only:
        data = folder / "data" / name
        data.mkdir(parents=True, exist_ok=True)
        command, is_ready = makers[name](stack, data, tools)
        made[name] = Process(name, command, folder / "log" / f"{name}.log", is_ready)
    return made


def _kafka(stack: Stack, data: Path, tools: Tools) -> tuple[list[str], Callable[[], bool]]:
    return kafka.command(stack.ports, data, tools), listens(stack.ports["KAFKA_PORT"])


def _mongo(stack: Stack, data: Path, tools: Tools) -> tuple[list[str], Callable[[], bool]]:
    port = stack.ports["MONGO_PORT"]
    script = [str(HERE / "mongo.mjs"), str(tools.modules), str(data), str(port)]
    return [*tools.loader, str(tools.node), *script], listens(port)


def _mail(stack: Stack, data: Path, tools: Tools) -> tuple[list[str], Callable[[], bool]]:
    script = [str(HERE / "mail.mjs"), str(tools.modules), str(data), str(stack.smtp_port)]
    return [str(tools.node), *script, str(stack.ports["INBOX_PORT"])], answers(f"{stack.inbox_url}/api/email")


def _traces(stack: Stack, _: Path, tools: Tools) -> tuple[list[str], Callable[[], bool]]:
    java = [str(tools.java), "-Xmx256m", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-jar", str(tools.zipkin)]
    listener = {"ip": "127.0.0.1", "port": str(stack.ports["ZIPKIN_PORT"]), "protocols[0]": "http"}
    options = [f"--armeria.ports[0].{name}={value}" for name, value in listener.items()]
    return [*java, *options], answers(f"{stack.zipkin_url}/health")
