"""What is promised to others is written down, true, and not broken (F2)."""

import importlib.util
import json
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from common.events import encode
from common.events.envelope import Record, decode
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


@pytest.mark.parametrize("topic", TOPICS, ids=lambda topic: topic.name)
def test_every_example_is_what_it_is_an_example_of(topic: Topic) -> None:
    """F2: valid by the schema, by the model, and the same after a trip over the wire."""
    validator = Draft202012Validator(DOCUMENTS[f"schemas/{topic.name}.v1.json"])
    assert topic.model.EXAMPLES
    for example in topic.model.EXAMPLES:
        validator.validate(example)
        event = topic.model.model_validate_json(json.dumps(example))
        out = encode(event, event_id="e", source="/s")
        assert decode(_Read(out.value, out.headers), topic.model).data == event


class _Read(Record):
    topic, partition, offset, key = "t", 0, 0, b""  # pyright: ignore[reportAssignmentType, reportIncompatibleMethodOverride]

    def __init__(self, value: bytes | None, headers: Any) -> None:
        self._value, self._headers = value, headers

    @property
    def value(self) -> bytes | None:
        return self._value

    @property
    def headers(self) -> Any:
        return self._headers


@pytest.mark.parametrize("released", sorted((FOLDER / "released").iterdir()), ids=lambda path: path.stem)
def test_nobody_who_keeps_to_the_released_contract_is_broken(released: Path) -> None:
    """F2: publishers of others' topics, readers of ours; a real break needs a new version beside the old one."""
    before = json.loads(released.read_text())
    now = DOCUMENTS[f"schemas/{released.name}"]
    ours = BY_NAME[released.name.removesuffix(".v1.json")].publisher != "marketplace"
    assert breaks_publishers(before, now) + (breaks_readers(before, now) if ours else []) == []


def test_every_service_that_reads_a_topic_says_so() -> None:
    """F1, F2: the topology of the AsyncAPI document is that of the code."""
    operations = DOCUMENTS["asyncapi.json"]["operations"]
    assert operations["notifications.receive.order.created"]["action"] == "receive"
    assert operations["marketplace.send.order.created"]["action"] == "send"
    assert len(operations) == sum(1 + len(topic.readers) for topic in TOPICS)


def test_no_service_offers_a_way_to_publish_without_a_token() -> None:
    """F2: a documentation page with a publishing form would be one."""
    for name, document in DOCUMENTS.items():
        if name.startswith("openapi/"):
            assert not [path for path in document["paths"] if "asyncapi" in path or "try" in path]
