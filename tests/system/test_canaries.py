"""After one run of everything: secrets are nowhere, and addresses and texts only where they belong (B11, E6, F4)."""

import base64
import re
from collections.abc import Iterable, Iterator
from urllib.parse import quote

import pytest

from tests.support.mail import MailServer
from tests.support.platform import Platform
from tests.system.canaries import WORD, Found, Run, look_everywhere
from tests.system.everything import do_everything
from tests.system.outside import outside

PERSONAL = re.compile(rf"[\w.+-]+@[\w-]+\.\w+|.{{0,30}}{WORD}.{{0,30}}")
"""What is an address, or has the word in it."""
SPEAK_OF_SOMEBODY = {"partner.changed", "contact.changed", "message.requested", "message.sent", "message.failed"}
ABOUT_ACCESS = {"access.revoked", "signing_key.changed"}
Places = dict[str, str]


@pytest.fixture(scope="module")
async def run(platform: Platform, mail: MailServer) -> Run:
    apart = await platform.apart("canaries")
    async with outside(WORD) as around:
        return await do_everything(apart, mail, around)


@pytest.fixture(scope="module")
async def found(run: Run) -> Found:
    return await look_everywhere(run)


def where(places: Places, values: dict[str, str]) -> set[tuple[str, str]]:
    """(place, which of the values) wherever one is, as it is or encoded."""
    return {
        (place, what)
        for place, text in places.items()
        for what, value in values.items()
        if any(form in text for form in forms(value))
    }


def forms(value: str) -> Iterator[str]:
    yield value
    yield "".join(filter(str.isalnum, value))
    yield quote(value, safe="")
    yield base64.b64encode(value.encode()).decode().rstrip("=")


def personal(places: Places, numbers: Iterable[str]) -> set[tuple[str, str]]:
    """(place, what) wherever an address is, a number, or a text."""
    texts = {(place, text) for place, whole in places.items() for text in PERSONAL.findall(whole)}
    return texts | where(places, {number: number for number in numbers})


def test_the_run_was_of_everything(run: Run, found: Found) -> None:
    """F4: what is not found below could have been there."""
    databases = {place.partition(".")[0] for place, text in found.stored.items() if WORD in text}
    assert databases == set(run.services)
    assert {topic for topic, text in found.values.items() if WORD in text} >= SPEAK_OF_SOMEBODY
    for log in (text for place, text in found.said.items() if place.startswith("log")):
        assert '"kind": "SpanKind.SERVER"' in log
        assert "dead_letter_discarded" in log
    assert len(set(re.findall("problems/([a-z-]+)", found.said["refusals"]))) > 15
    assert len(run.secrets) > 40


def test_nothing_that_is_said_has_a_secret(run: Run, found: Found) -> None:
    """B11, E6, F4: logs, spans, metrics, and what is answered to a request that is refused."""
    assert where(found.said, run.secrets | run.links) == set()


def test_nothing_that_is_said_has_an_address_or_a_text(run: Run, found: Found) -> None:
    """F4: not even one that stood in the request."""
    assert personal(found.said, run.numbers) == set()


def test_headers_and_keys_of_records_have_nothing_of_anybody(run: Run, found: Found) -> None:
    """F4: those of dead letters, too, which say what is wrong with them."""
    assert where(found.headers, run.secrets | run.links) == set()
    assert personal(found.headers, run.numbers) == set()


def test_events_have_no_secret_and_a_link_only_where_its_mail_is(run: Run, found: Found) -> None:
    """B11, E6: and those about access have nothing of anybody."""
    assert where(found.values, run.secrets) == set()
    assert {topic for topic, _ in where(found.values, run.links)} == {"message.requested"}
    assert personal({topic: found.values[topic] for topic in ABOUT_ACCESS}, run.numbers) == set()


def test_databases_have_secrets_only_sealed_or_hashed(run: Run, found: Found) -> None:
    """B11, E6: passwords, tokens, seeds, keys and codes; and a link only where its mail is kept."""
    assert where(found.stored, run.secrets) == set()
    assert {place for place, _ in where(found.stored, run.links)} == {"outbox.messages"}
