"""Kafka's settings and command: one broker that is its own controller."""

import base64
import secrets
import subprocess
from pathlib import Path

from local_stack.ports import Ports
from local_stack.steps import Trouble
from local_stack.tools import Tools

SETTINGS = """\
process.roles=broker,controller
node.id=1
controller.quorum.bootstrap.servers=127.0.0.1:{controller}
listeners=PLAINTEXT://127.0.0.1:{kafka},CONTROLLER://127.0.0.1:{controller}
advertised.listeners=PLAINTEXT://127.0.0.1:{kafka}
controller.listener.names=CONTROLLER
log.dirs={data}
num.partitions=4
auto.create.topics.enable=false
message.max.bytes=2097152
# alone: there is nobody to copy to, and nobody to wait for
offsets.topic.replication.factor=1
offsets.topic.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
group.initial.rebalance.delay.ms=0
# back soon after a kill, the broker itself and its consumers
broker.session.timeout.ms=3000
broker.heartbeat.interval.ms=500
group.min.session.timeout.ms=1000
"""
LOGGING = """\
Configuration:
  Appenders:
    Console:
      name: out
      PatternLayout:
        pattern: "%d{ISO8601} %p %c{1}: %m%n"
  Loggers:
    Root:
      level: warn
      AppenderRef:
        ref: out
"""


def command(ports: Ports, folder: Path, tools: Tools) -> list[str]:
    """How to start it with its data in `folder`, which is formatted the first time. Raises Trouble."""
    folder.mkdir(parents=True, exist_ok=True)
    settings, logging, data = folder / "server.properties", folder / "log4j2.yaml", folder / "data"
    numbers = {"kafka": ports["KAFKA_PORT"], "controller": ports["KAFKA_CONTROLLER_PORT"]}
    settings.write_text(SETTINGS.format(**numbers, data=data))
    logging.write_text(LOGGING)
    java = [str(tools.java), "-Xmx512m", "-XX:TieredStopAtLevel=1", f"-Dlog4j2.configurationFile={logging}"]
    java += ["-cp", f"{tools.kafka}/*"]
    if not (data / "meta.properties").exists():
        _format([*java, "kafka.tools.StorageTool"], settings)
    return [*java, "kafka.Kafka", str(settings)]


def cluster_id() -> str:
    """A new id for a cluster: 16 random bytes, the first below 128, so that no dash in front makes it an option."""
    first, *rest = secrets.token_bytes(16)
    return base64.urlsafe_b64encode(bytes([first & 0x7F, *rest])).decode().rstrip("=")


def _format(tool: list[str], settings: Path) -> None:
    options = ["format", "--standalone", "--ignore-formatted", "-t", cluster_id(), "-c", str(settings)]
    done = subprocess.run([*tool, *options], capture_output=True, text=True)
    if done.returncode:
        raise Trouble(f"kafka cannot use {settings.parent}: {(done.stderr or done.stdout).strip()[-300:]}")
