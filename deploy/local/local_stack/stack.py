"""The stack: Kafka, MongoDB, the mail inbox and the trace page as processes."""

import base64
import signal
import socket
import subprocess
import uuid
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from local_stack.places import HERE
from local_stack.processes import Process, answers, end_all, listens, wait_ready
from local_stack.steps import Trouble
from local_stack.tools import Tools, install_all

PARTS = ("kafka", "mongo", "mail", "traces")
KAFKA = """\
process.roles=broker,controller
node.id=1
controller.quorum.bootstrap.servers=127.0.0.1:{controller}
listeners=PLAINTEXT://127.0.0.1:{kafka},CONTROLLER://127.0.0.1:{controller}
advertised.listeners=PLAINTEXT://127.0.0.1:{kafka}
controller.listener.names=CONTROLLER
log.dirs={data}
num.partitions=4
auto.create.topics.enable=false
offsets.topic.replication.factor=1
offsets.topic.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
group.initial.rebalance.delay.ms=0
group.min.session.timeout.ms=1000
broker.session.timeout.ms=3000
message.max.bytes=2097152
"""
NO_LOG = "Configuration:\n  Loggers:\n    Root:\n      level: 'off'\n"


@dataclass(frozen=True)
class Ports:
    """Where the parts listen; `of(0)` takes free ones."""

    kafka: int
    controller: int
    mongo: int
    smtp: int
    inbox: int
    zipkin: int

    @classmethod
    def free(cls) -> "Ports":
        """Ports that nobody uses now."""
        probes = [socket.socket() for _ in range(6)]
        try:
            for probe in probes:
                probe.bind(("127.0.0.1", 0))
            return cls(*(int(probe.getsockname()[1]) for probe in probes))
        finally:
            for probe in probes:
                probe.close()


@dataclass
class Stack:
    """Running parts. `kill` and `restart` are for fault tests: the data stays."""

    ports: Ports
    parts: dict[str, Process] = field(default_factory=lambda: {})

    @classmethod
    @contextmanager
    def start(
        cls, folder: Path, only: Sequence[str] = PARTS, ports: Ports | None = None, tools: Tools | None = None
    ) -> "Generator[Stack]":
        """Start `only` these parts with their data in `folder`; they end with the context. Raises Trouble."""
        stack = cls(ports or Ports.free())
        made = _processes(stack.ports, folder, tools or install_all())
        stack.parts = {name: made[name] for name in only}
        try:
            for part in stack.parts.values():
                part.start()
            wait_ready(list(stack.parts.values()))
            yield stack
        finally:
            end_all(list(stack.parts.values()))

    @property
    def kafka_bootstrap(self) -> str:
        return f"127.0.0.1:{self.ports.kafka}"

    @property
    def mongo_url(self) -> str:
        return f"mongodb://127.0.0.1:{self.ports.mongo}/?directConnection=true"

    @property
    def inbox_url(self) -> str:
        return f"http://127.0.0.1:{self.ports.inbox}"

    @property
    def zipkin_url(self) -> str:
        return f"http://127.0.0.1:{self.ports.zipkin}"

    def kill(self, name: str) -> None:
        """SIGKILL a part."""
        self.parts[name].stop(signal.SIGKILL)
        self.parts[name].wait(10)

    def restart(self, name: str) -> None:
        """Start a killed part again and wait until it is ready."""
        self.parts[name].start()
        wait_ready([self.parts[name]])


def _processes(ports: Ports, folder: Path, tools: Tools) -> dict[str, Process]:
    logs = folder / "log"
    (folder / "mongo").mkdir(parents=True, exist_ok=True)
    (folder / "mail").mkdir(parents=True, exist_ok=True)
    node = [*tools.node]
    modules = str(tools.modules)
    mongo = [*node, str(HERE / "mongo.mjs"), modules, str(folder / "mongo"), str(ports.mongo)]
    mail = [*node, str(HERE / "mail.mjs"), modules, str(folder / "mail"), str(ports.smtp), str(ports.inbox)]
    zipkin = [str(tools.java), "-Xmx256m", f"-DQUERY_PORT={ports.zipkin}", "-jar", str(tools.zipkin)]
    inbox, traces = f"http://127.0.0.1:{ports.inbox}/api/email", f"http://127.0.0.1:{ports.zipkin}/health"
    return {
        "kafka": Process("kafka", _kafka(ports, folder / "kafka", tools), logs / "kafka.log", listens(ports.kafka)),
        "mongo": Process("mongo", mongo, logs / "mongo.log", listens(ports.mongo)),
        "mail": Process("mail", mail, logs / "mail.log", answers(inbox)),
        "traces": Process("traces", zipkin, logs / "traces.log", answers(traces)),
    }


def _kafka(ports: Ports, folder: Path, tools: Tools) -> list[str]:
    """Kafka's command, with its folder formatted."""
    folder.mkdir(parents=True, exist_ok=True)
    settings, logging = folder / "server.properties", folder / "log4j2.yaml"
    settings.write_text(KAFKA.format(kafka=ports.kafka, controller=ports.controller, data=folder / "data"))
    logging.write_text(NO_LOG)
    java = [str(tools.java), "-Xmx512m", "-XX:TieredStopAtLevel=1", f"-Dlog4j2.configurationFile={logging}"]
    java += ["-cp", f"{tools.kafka}/*"]
    if not (folder / "data" / "meta.properties").exists():
        cluster = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
        form = [*java, "kafka.tools.StorageTool", "format", "--standalone", "--ignore-formatted"]
        done = subprocess.run([*form, "-t", cluster, "-c", str(settings)], capture_output=True, text=True)
        if done.returncode:
            raise Trouble(f"kafka cannot use {folder}: {done.stderr.strip()[-300:]}")
    return [*java, "kafka.Kafka", str(settings)]
