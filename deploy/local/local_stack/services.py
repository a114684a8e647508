"""The five services on the local stack: what must be done before they start, and their environment."""

import os
import subprocess
from pathlib import Path

from local_stack.kept import keyring, staff
from local_stack.places import PYTHON, ROOT, SERVICES
from local_stack.processes import Process, answers
from local_stack.stack import Stack
from local_stack.steps import Trouble

PREPARE_SECONDS = 60


def environment(stack: Stack, service: str, folder: Path) -> dict[str, str]:
    """Everything that `service` needs to know, and no other service's secrets."""
    shared = {
        "SERVICE_PORT": str(stack.ports.services()[service]),
        "KAFKA_BOOTSTRAP": stack.kafka_bootstrap,
        "KAFKA_SESSION_TIMEOUT_MS": "3000",
        "MONGO_URL": stack.mongo_url,
        "MONGO_DATABASE": f"switchboard_{service}",
        "OTEL_SERVICE_NAME": service,
        "OTEL_TRACES_EXPORTER": "zipkin",
        "OTEL_EXPORTER_ZIPKIN_ENDPOINT": f"{stack.zipkin_url}/api/v2/spans",
        "OTEL_TRACES_SAMPLER": "parentbased_always_on",
    }
    own = keyring(folder, service)
    if service == "notifications":
        own |= {"PUBLIC_URL": f"http://127.0.0.1:{shared['SERVICE_PORT']}"}
    if service == "outbox":
        own |= {"SMTP_ALLOWED_INNER_HOSTS": "127.0.0.1", "SMTP_PORTS": "*"}
        own |= {"GATEWAY_ALLOWED_INNER_HOSTS": "127.0.0.1", "GATEWAY_PORTS": "*"}
    return shared | own


def addresses(stack: Stack) -> dict[str, str]:
    """Where a user of the running platform finds everything."""
    urls = {f"{name.upper()}_URL": f"http://127.0.0.1:{port}" for name, port in stack.ports.services().items()}
    return urls | {
        "KAFKA_BOOTSTRAP": stack.kafka_bootstrap,
        "MONGO_URL": stack.mongo_url,
        "SMTP_PORT": str(stack.smtp_port),
        "INBOX_URL": stack.inbox_url,
        "ZIPKIN_URL": stack.zipkin_url,
    }


def prepare(stack: Stack, folder: Path) -> None:
    """Make the topics and the first staff user; both do nothing the second time. Raises Trouble."""
    user = staff(folder)
    commands = {
        "the topics": ["common.kafka", "topics"],
        "the first staff user": ["identity", "create-staff", "--email", user["STAFF_EMAIL"]],
    }
    everything = {**os.environ, **environment(stack, "identity", folder), **user}
    running = {
        what: subprocess.Popen(
            [str(PYTHON), "-m", *command], env=everything, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
        for what, command in commands.items()
    }
    for what, process in running.items():
        try:
            said, _ = process.communicate(timeout=PREPARE_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            raise Trouble(f"{what} cannot be made within {PREPARE_SECONDS} s; see {folder / 'log'}") from None
        if process.returncode:
            raise Trouble(f"{what} cannot be made: {said.decode(errors='replace').strip()[-400:]}")


def processes(stack: Stack, folder: Path) -> list[Process]:
    """The five services, not started yet."""
    made: list[Process] = []
    for name in SERVICES:
        own = {**os.environ, **environment(stack, name, folder)}
        ready = answers(f"http://127.0.0.1:{own['SERVICE_PORT']}/readyz")
        made.append(Process(name, [str(PYTHON), "-m", name], folder / "log" / f"{name}.log", ready, own))
    return made
