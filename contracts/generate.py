"""Writes what this system promises to others: `python contracts/generate.py`.

`schemas/` has a JSON Schema per topic, `asyncapi.json` the topics with who sends and who reads, `openapi/` the HTTP
interfaces. All of it is made from the code; a test fails when the committed files are stale (`make contracts`).

With `--release`, the schemas are kept in `released/` too: what tests hold every later change against.
"""

import argparse
import base64
import importlib
import json
from pathlib import Path
from typing import Any

from fastapi import FastAPI
from pydantic import SecretStr

from common.events import AccessRevoked, SigningKeyChanged
from common.events.envelope import Event
from common.events.registry import TOPICS, Topic, dead_letter_topic

HERE = Path(__file__).parent
SERVICES = ("identity", "contacts", "notifications", "outbox", "crm")
VERSION = "v1"
BINDING_VERSION = "0.5.0"
SCHEMAS_URI = "https://switchboard.dev/contracts/schemas/"


def schema_of(model: type[Event]) -> dict[str, Any]:
    """The JSON Schema of a topic's values. Unknown fields are allowed: a publisher may add some."""
    schema = model.model_json_schema(mode="validation")
    uri = f"{SCHEMAS_URI}{model.TOPIC}.{VERSION}.json"
    identity = {"$schema": "https://json-schema.org/draft/2020-12/schema", "$id": uri}
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
    keeping = topic.keeping()
    policy: dict[str, Any] = {name: keeping[name] for name in ("cleanup.policy", "retention.ms") if name in keeping}
    policy["cleanup.policy"] = str(keeping["cleanup.policy"]).split(",")
    kafka = {"topic": topic.name, "partitions": topic.partitions, "topicConfiguration": policy}
    return {
        "address": topic.name,
        "description": (topic.model.__doc__ or "").strip(),
        "messages": {topic.name: {"$ref": f"#/components/messages/{topic.name}"}},
        "bindings": {"kafka": kafka | {"bindingVersion": BINDING_VERSION}},
    }


def _operations(topic: Topic) -> dict[str, Any]:
    channel = {"$ref": f"#/channels/{topic.name}"}
    found: dict[str, Any] = {
        f"{publisher}.send.{topic.name}": {"action": "send", "channel": channel} for publisher in topic.publishers
    }
    for reader in topic.readers:
        found[f"{reader}.receive.{topic.name}"] = {
            "action": "receive",
            "channel": channel,
            "description": f"What cannot be processed goes to {dead_letter_topic(topic.name, reader)}.",
            "bindings": {
                "kafka": {
                    "groupId": {"type": "string", "const": f"{reader}.{topic.name}"},
                    "bindingVersion": BINDING_VERSION,
                }
            },
        }
    return found | {f"{reader}.receive.{topic.name}": _whole(channel) for reader in _readers_without_group(topic)}


def _readers_without_group(topic: Topic) -> tuple[str, ...]:
    """Whoever checks tokens reads the signing keys, and whose are refused: every service, in every process."""
    return SERVICES if topic.model in (SigningKeyChanged, AccessRevoked) else ()


def _whole(channel: dict[str, str]) -> dict[str, Any]:
    return {"action": "receive", "channel": channel, "description": "Every process reads it whole, without a group."}


def _message(topic: Topic) -> dict[str, Any]:
    keys = [topic.model.model_validate_json(json.dumps(example)).key() for example in topic.model.EXAMPLES]
    key = {"type": "string", "description": "Records with the same key keep their order.", "examples": keys}
    headers = {"ce_specversion": "1.0", "ce_id": "e-1", "ce_source": f"/{topic.publisher}", "ce_type": topic.name}
    return {
        "name": topic.name,
        "title": (topic.model.__doc__ or "").strip().partition("\n")[0],
        "contentType": "application/json",
        "headers": _headers(topic),
        "payload": {"$ref": f"schemas/{topic.name}.{VERSION}.json"},
        "examples": [{"headers": headers, "payload": example} for example in topic.model.EXAMPLES],
        "bindings": {"kafka": {"key": key, "bindingVersion": BINDING_VERSION}},
    }


def _headers(topic: Topic) -> dict[str, Any]:
    """CloudEvents' attributes in binary mode."""
    identity = {"type": "string", "minLength": 1, "maxLength": 200}
    return {
        "type": "object",
        "required": ["ce_specversion", "ce_id", "ce_source", "ce_type"],
        "properties": {
            "content-type": {"type": "string", "const": "application/json"},
            "ce_specversion": {"type": "string", "const": "1.0"},
            "ce_id": identity | {"description": "With ce_source: the identity of the event; repeat it in a retry."},
            "ce_source": identity | {"description": "Which system, or which part of it, publishes."},
            "ce_type": {"type": "string", "const": topic.name},
            "ce_time": {
                "type": "string",
                "format": "date-time",
                "description": "When it happened; default: when read.",
            },
            "traceparent": {"type": "string", "description": "W3C trace context; the trace goes on to the delivery."},
        },
    }


def openapi(service: str) -> dict[str, Any]:
    """The OpenAPI document of a service."""
    return app_of(service).openapi()


def app_of(service: str) -> FastAPI:
    """The app of a service, wired as its process does it; nothing is connected to."""
    settings = importlib.import_module(f"{service}.settings").Settings
    keyring = SecretStr(f"k1:{base64.b64encode(bytes(32)).decode()}")
    keyrings = {f"{service}_keyring": keyring} if f"{service}_keyring" in settings.model_fields else {}
    return importlib.import_module(f"{service}.main").build(settings(**keyrings))


def documents() -> dict[str, dict[str, Any]]:
    """Every generated file by its path below this folder."""
    files = {f"schemas/{topic.name}.{VERSION}.json": schema_of(topic.model) for topic in TOPICS}
    files["asyncapi.json"] = asyncapi()
    return files | {f"openapi/{service}.json": openapi(service) for service in SERVICES}


def text_of(document: dict[str, Any]) -> str:
    """How a document is written, so that a change of order is no change."""
    return json.dumps(document, indent=2, ensure_ascii=False, sort_keys=True) + "\n"


def main(release: bool) -> None:
    for name, document in documents().items():
        _write(name, document)
        if release and name.startswith("schemas/"):
            _write(name.replace("schemas/", "released/"), document)


def _write(name: str, document: dict[str, Any]) -> None:
    file = HERE / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text_of(document))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Write AsyncAPI, JSON Schemas and OpenAPI.")
    parser.add_argument("--release", action="store_true", help="keep the schemas as the released ones, too")
    main(parser.parse_args().release)
