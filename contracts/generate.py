"""Writes what this system promises to others: `python contracts/generate.py`.

`schemas/` has a JSON Schema per topic, `asyncapi.json` the topics with who sends and who reads, `openapi/` the HTTP
interfaces. All of it is made from the code; a test fails when the committed files are stale (`make contracts`).
"""

import base64
import importlib
import json
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from common.events.envelope import Event
from common.events.registry import TOPICS, Topic, dead_letter_topic

HERE = Path(__file__).parent
SERVICES = ("identity", "contacts", "notifications", "outbox", "crm")
VERSION = "v1"
HEADERS: dict[str, Any] = {
    "type": "object",
    "required": ["ce_specversion", "ce_id", "ce_source", "ce_type"],
    "properties": {
        "content-type": {"type": "string", "const": "application/json"},
        "ce_specversion": {"type": "string", "const": "1.0"},
        "ce_id": {"type": "string", "maxLength": 200, "description": "With ce_source: the identity of the event."},
        "ce_source": {"type": "string", "maxLength": 200},
        "ce_type": {"type": "string"},
        "ce_time": {"type": "string", "format": "date-time", "description": "When it happened; default: when read."},
        "traceparent": {"type": "string", "description": "W3C trace context; the trace goes on to the delivery."},
    },
}


def schema_of(model: type[Event]) -> dict[str, Any]:
    """The JSON Schema of a topic's values. Unknown fields are allowed: a publisher may add some."""
    schema = model.model_json_schema(mode="validation")
    identity = {"$schema": "https://json-schema.org/draft/2020-12/schema", "$id": f"{model.TOPIC}.{VERSION}.json"}
    return identity | schema | {"additionalProperties": True, "examples": model.EXAMPLES}


def asyncapi() -> dict[str, Any]:
    """The AsyncAPI 3 document of all topics."""
    document: dict[str, Any] = {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Switchboard",
            "version": VERSION,
            "description": "CloudEvents 1.0 on Kafka: binary mode is written, structured mode is read too.",
        },
        "defaultContentType": "application/json",
        "channels": {topic.name: _channel(topic) for topic in TOPICS},
        "operations": {name: operation for topic in TOPICS for name, operation in _operations(topic).items()},
        "components": {"messages": {topic.name: _message(topic) for topic in TOPICS}},
    }
    return document


def _channel(topic: Topic) -> dict[str, Any]:
    policy = {"cleanup.policy": ["compact"]} if topic.compacted else {"retention.ms": topic.retention_ms}
    return {
        "address": topic.name,
        "description": (topic.model.__doc__ or "").strip(),
        "messages": {topic.name: {"$ref": f"#/components/messages/{topic.name}"}},
        "bindings": {"kafka": {"topic": topic.name, "partitions": topic.partitions, "topicConfiguration": policy}},
    }


def _operations(topic: Topic) -> dict[str, Any]:
    channel = {"$ref": f"#/channels/{topic.name}"}
    send = {f"{topic.publisher}.send.{topic.name}": {"action": "send", "channel": channel}}
    return send | {
        f"{reader}.receive.{topic.name}": {
            "action": "receive",
            "channel": channel,
            "description": f"What cannot be processed goes to {dead_letter_topic(topic.name, reader)}.",
            "bindings": {"kafka": {"groupId": {"type": "string", "const": f"{reader}.{topic.name}"}}},
        }
        for reader in topic.readers
    }


def _message(topic: Topic) -> dict[str, Any]:
    return {
        "name": topic.name,
        "title": (topic.model.__doc__ or "").strip().partition("\n")[0],
        "headers": HEADERS,
        "payload": {"$ref": f"schemas/{topic.name}.{VERSION}.json"},
        "examples": [{"payload": example} for example in topic.model.EXAMPLES],
        "bindings": {"kafka": {"key": {"type": "string"}}},
    }


def openapi(service: str) -> dict[str, Any]:
    """The OpenAPI document of a service, made without connecting to anything."""
    settings = importlib.import_module(f"{service}.settings").Settings
    keyring = SecretStr(f"k1:{base64.b64encode(bytes(32)).decode()}")
    keyrings = {f"{service}_keyring": keyring} if f"{service}_keyring" in settings.model_fields else {}
    return importlib.import_module(f"{service}.main").build(settings(**keyrings)).openapi()


def documents() -> dict[str, dict[str, Any]]:
    """Every generated file by its path below this folder."""
    files = {f"schemas/{topic.name}.{VERSION}.json": schema_of(topic.model) for topic in TOPICS}
    files["asyncapi.json"] = asyncapi()
    return files | {f"openapi/{service}.json": openapi(service) for service in SERVICES}


def text_of(document: dict[str, Any]) -> str:
    """How a document is written, so that a change of order is no change."""
    return json.dumps(document, indent=2, ensure_ascii=False, sort_keys=True) + "\n"


def main() -> None:
    for name, document in documents().items():
        file = HERE / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text_of(document))


if __name__ == "__main__":
    main()
