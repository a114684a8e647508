"""The five services on the local stack: what must be done before they start, and their environment."""

import base64
import json
import os
import secrets
import subprocess
from pathlib import Path

from local_stack.places import PYTHON, ROOT, STATE
from local_stack.processes import Process, answers
from local_stack.stack import Stack
from local_stack.steps import Trouble

PORTS = {"identity": 8001, "contacts": 8002, "notifications": 8003, "outbox": 8004, "crm": 8005}
STAFF_EMAIL = "staff@switchboard.example"


def ports() -> dict[str, int]:
    """Service name -> port: `IDENTITY_PORT` and so on, or the default."""
    return {name: int(os.environ.get(f"{name.upper()}_PORT", default)) for name, default in PORTS.items()}


def kept_secrets(folder: Path = STATE) -> dict[str, str]:
    """The secrets of this checkout's platform, made once."""
    file = folder / "secrets.json"
    if not file.exists():
        folder.mkdir(parents=True, exist_ok=True)
        made = {
            "IDENTITY_KEYRING": f"k1:{base64.b64encode(secrets.token_bytes(32)).decode()}",
            "OUTBOX_KEYRING": f"k1:{base64.b64encode(secrets.token_bytes(32)).decode()}",
            "STAFF_PASSWORD": secrets.token_urlsafe(18),
        }
        file.touch(mode=0o600)
        file.write_text(json.dumps(made))
    return json.loads(file.read_text())


def environment(stack: Stack) -> dict[str, str]:
    """What every service needs; each takes its own part."""
    return {
        "KAFKA_BOOTSTRAP": stack.kafka_bootstrap,
        "KAFKA_SESSION_TIMEOUT_MS": "3000",
        "MONGO_URL": stack.mongo_url,
        "OTEL_TRACES_EXPORTER": "zipkin" if "traces" in stack.parts else "none",
        "OTEL_EXPORTER_ZIPKIN_ENDPOINT": f"{stack.zipkin_url}/api/v2/spans",
        "OTEL_TRACES_SAMPLER": "parentbased_always_on",
        "SMTP_ALLOWED_INNER_HOSTS": "127.0.0.1",
        "SMTP_PORTS": "*",
        **kept_secrets(),
    }


def story_environment(stack: Stack) -> dict[str, str]:
    """The addresses that a user of the running platform needs."""
    urls = {f"{name.upper()}_URL": f"http://127.0.0.1:{port}" for name, port in ports().items()}
    return urls | {
        "KAFKA_BOOTSTRAP": stack.kafka_bootstrap,
        "MONGO_URL": stack.mongo_url,
        "SMTP_PORT": str(stack.ports.smtp),
        "INBOX_URL": stack.inbox_url,
        "ZIPKIN_URL": stack.zipkin_url,
        "STAFF_EMAIL": STAFF_EMAIL,
        "STAFF_PASSWORD": kept_secrets()["STAFF_PASSWORD"],
    }


def prepare(stack: Stack) -> None:
    """Make the topics and the first staff user; both do nothing the second time. Raises Trouble."""
    everything = {**os.environ, **environment(stack)}
    commands = {
        "the topics": ["common.kafka", "topics"],
        "the first staff user": ["identity", "create-staff", "--email", STAFF_EMAIL],
    }
    running = {
        what: subprocess.Popen(
            [str(PYTHON), "-m", *command], env=everything, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
        for what, command in commands.items()
    }
    for what, process in running.items():
        said, _ = process.communicate(timeout=60)
        if process.returncode:
            raise Trouble(f"{what} cannot be made: {said.decode(errors='replace').strip()[-400:]}")


def processes(stack: Stack, logs: Path) -> list[Process]:
    """The five services, not started yet."""
    shared = {**os.environ, **environment(stack)}
    made: list[Process] = []
    for name, port in ports().items():
        own = {**shared, "SERVICE_PORT": str(port), "MONGO_DATABASE": f"switchboard_{name}"}
        ready = answers(f"http://127.0.0.1:{port}/readyz")
        made.append(Process(name, [str(PYTHON), "-m", name], logs / f"{name}.log", ready, own))
    return made
