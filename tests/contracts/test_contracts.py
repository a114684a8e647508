"""What is promised to others is written down, true, and not broken (F2)."""

import gzip
import importlib.util
import json
import re
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from jsonschema import Draft7Validator, Draft202012Validator, FormatChecker

from common.events import encode
from common.events.envelope import decode
from common.events.registry import TOPICS, Topic
from tests.contracts.compatibility import breaks_publishers, breaks_readers

FOLDER = Path(__file__).parents[2] / "contracts"
BY_NAME = {topic.name: topic for topic in TOPICS}


def _generator() -> ModuleType:
    spec = importlib.util.spec_from_file_location("generate", FOLDER / "generate.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


GENERATOR = _generator()
DOCUMENTS: dict[str, dict[str, Any]] = GENERATOR.documents()


@pytest.mark.parametrize("name", DOCUMENTS)
def test_the_committed_contract_is_what_the_code_does(name: str) -> None:
    """F2: stale contracts are a lie."""
    written = (FOLDER / name).read_text() if (FOLDER / name).exists() else ""
    assert written == GENERATOR.text_of(DOCUMENTS[name]), f"contracts/{name} is stale: run `make contracts`"


def test_nothing_is_committed_that_is_not_generated() -> None:
    """F2."""
    committed = {
        str(path.relative_to(FOLDER)) for folder in ("schemas", "openapi") for path in (FOLDER / folder).iterdir()
    }
    assert committed == {name for name in DOCUMENTS if "/" in name}


@dataclass(frozen=True)
class Read:
    """A record as it is read."""

    value: bytes | None
    headers: list[tuple[str, bytes]]
    topic: str = "t"
    partition: int = 0
    offset: int = 0
    key: bytes | None = None


EXAMPLES = [(topic, example) for topic in TOPICS for example in topic.model.EXAMPLES]


def test_every_topic_has_an_example() -> None:
    """F2."""
    assert {topic.name for topic, _ in EXAMPLES} == set(BY_NAME)


@pytest.mark.parametrize(("topic", "example"), EXAMPLES, ids=lambda one: getattr(one, "name", ""))
def test_an_example_is_what_it_is_an_example_of(topic: Topic, example: dict[str, Any]) -> None:
    """F2: valid by the schema and by the model, and so is what becomes of it when we write it."""
    schema = Draft202012Validator(DOCUMENTS[f"schemas/{topic.name}.v1.json"], format_checker=FormatChecker())
    schema.validate(example)
    event = topic.model.model_validate_json(json.dumps(example))
    written = encode(event, event_id="e", source="/s").value
    assert written is not None
    schema.validate(json.loads(written))


@pytest.mark.parametrize(("topic", "example"), EXAMPLES, ids=lambda one: getattr(one, "name", ""))
def test_an_example_is_the_same_after_its_way_over_kafka(topic: Topic, example: dict[str, Any]) -> None:
    """F2: in binary mode, as we write it, and in structured mode, as another publisher may."""
    event = topic.model.model_validate_json(json.dumps(example))
    binary = encode(event, event_id="e", source="/s")
    structured = {"specversion": "1.0", "id": "e", "source": "/s", "type": topic.name, "data": example}
    in_one = Read(json.dumps(structured).encode(), [("content-type", b"application/cloudevents+json")])
    assert decode(Read(binary.value, binary.headers), topic.model).data == event
    assert decode(in_one, topic.model).data == event


@pytest.mark.parametrize("released", sorted((FOLDER / "released").iterdir()), ids=lambda path: path.stem)
def test_nobody_who_keeps_to_the_released_contract_is_broken(released: Path) -> None:
    """F2: of others' topics their publishers, of ours readers too, and publishers, for old records are read again."""
    topic = BY_NAME.get(released.name.removesuffix(".v1.json"))
    assert topic is not None, f"{released.name} is gone: keep the topic until nobody uses it, then delete this file"
    before, now = json.loads(released.read_text()), DOCUMENTS[f"schemas/{released.name}"]
    broken = breaks_publishers(before, now)
    if topic.publisher != "marketplace":
        broken += breaks_readers(before, now)
    assert not broken, "\n".join([*broken, "If it must be so: a new topic beside this one (see contracts/README.md)."])


@pytest.mark.parametrize("topic", TOPICS, ids=lambda topic: topic.name)
def test_every_contract_was_released(topic: Topic) -> None:
    """F2: a topic without a released schema would be free to break."""
    assert (FOLDER / "released" / f"{topic.name}.v1.json").exists(), "run `contracts/generate.py --release`"


def test_the_topology_is_that_of_the_code() -> None:
    """F1, F2: every topic is sent by its publisher and read by its readers; signing keys and revocations by all."""
    operations = DOCUMENTS["asyncapi.json"]["operations"]
    sends = {f"{publisher}.send.{topic.name}" for topic in TOPICS for publisher in topic.publishers}
    receives = {f"{reader}.receive.{topic.name}" for topic in TOPICS for reader in topic.readers}
    for_everybody = ("signing_key.changed", "access.revoked")
    receives |= {f"{service}.receive.{topic}" for service in GENERATOR.SERVICES for topic in for_everybody}
    assert {name for name, one in operations.items() if one["action"] == "send"} == sends
    assert {name for name, one in operations.items() if one["action"] == "receive"} == receives


def _official() -> Draft7Validator:
    with gzip.open(Path(__file__).parent / "asyncapi" / "3.0.0.json.gz") as schema:
        return Draft7Validator(json.load(schema))


def test_the_topics_are_described_in_valid_asyncapi() -> None:
    """F2: by the standard's own schema, which does see a mistake."""
    document = deepcopy(DOCUMENTS["asyncapi.json"])
    assert not [error.message for error in _official().iter_errors(document)]
    document["channels"]["order.created"]["bindings"]["kafka"]["partitions"] = "eight"
    assert not _official().is_valid(document)


def test_every_reference_of_the_asyncapi_document_leads_somewhere() -> None:
    """F2."""
    document = DOCUMENTS["asyncapi.json"]
    inner, files = set[str](), set[str]()
    for reference in re.findall(r'"\$ref": "([^"]+)"', json.dumps(document)):
        (inner if reference.startswith("#/") else files).add(reference)
    assert files == {name for name in DOCUMENTS if name.startswith("schemas/")}
    for reference in inner:
        part: Any = document
        for name in reference.removeprefix("#/").split("/"):
            part = part[name]


def test_the_headers_of_the_examples_are_those_of_the_contract() -> None:
    """F2: and those that we write ourselves, too."""
    for name, message in DOCUMENTS["asyncapi.json"]["components"]["messages"].items():
        headers = Draft202012Validator(message["headers"])
        event = BY_NAME[name].model.model_validate_json(json.dumps(message["examples"][0]["payload"]))
        headers.validate(message["examples"][0]["headers"])
        headers.validate({key: value.decode() for key, value in encode(event, event_id="e", source="/s").headers})


def test_no_service_offers_a_way_to_publish_without_a_token() -> None:
    """F2: a documentation page with a publishing form would be one."""
    for name, document in DOCUMENTS.items():
        if name.startswith("openapi/"):
            assert not [path for path in document["paths"] if "asyncapi" in path or "/try" in path]


@pytest.mark.parametrize("name", [name for name in DOCUMENTS if name.startswith("openapi/")])
def test_an_answer_is_documented_with_the_type_that_it_has(name: str) -> None:
    """F2: an error is a problem document and nothing else, and whatever has a body says of which type."""
    for path, methods in DOCUMENTS[name]["paths"].items():
        for method, operation in methods.items():
            for status, answer in operation["responses"].items():
                types = list(answer.get("content", {}))
                if status >= "4":
                    assert types == ["application/problem+json"], f"{method} {path} {status}"
                elif status not in ("202", "204"):
                    assert types, f"{method} {path} {status}"


@pytest.mark.parametrize(
    ("service", "path", "method"),
    [
        ("identity", "/sign-in", "post"), ("identity", "/partners", "post"), ("identity", "/users", "post"),
        ("identity", "/partner-access/{partner_id}", "put"), ("contacts", "/persons", "post"),
        ("contacts", "/addresses", "post"), ("notifications", "/settings/{kind}", "put"),
        ("notifications", "/quiet-hours", "put"), ("outbox", "/accounts", "post"), ("crm", "/records", "post"),
    ],
)  # fmt: skip
def test_the_first_requests_of_a_newcomer_have_an_example_that_fits(service: str, path: str, method: str) -> None:
    """F2: what `/docs` would make up from the types alone is refused."""
    document = DOCUMENTS[f"openapi/{service}.json"]
    schema = document["paths"][path][method]["requestBody"]["content"]["application/json"]["schema"]
    [reference, *_] = [one["$ref"] for one in schema.get("oneOf", [schema])]
    [example] = document["components"]["schemas"][reference.rpartition("/")[2]]["examples"]
    Draft202012Validator(schema | {"components": document["components"]}).validate(example)
