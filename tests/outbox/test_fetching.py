"""Files that cannot be fetched now, and that never can be (B12)."""

import socket
import ssl

import pytest
import trustme

from outbox.attachments.fetching import Fetcher, NotFetched
from outbox.connect import Network
from outbox.domain import Answer, Outcome, Stage, lost
from outbox.faults import words_for
from outbox.lookups import Found, Lookups
from tests.support.gateways import Gateway, listening

AWAY = socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")


def without_resolver(host: str, port: int) -> Found:
    """A machine whose resolver does not answer."""
    raise AWAY


async def not_fetched(origin: str, lookups: Lookups | None = None) -> NotFetched:
    network = Network(frozenset({"127.0.0.1"}), lookups)
    with pytest.raises(NotFetched) as caught:
        async with Fetcher(network, frozenset({origin})).open(f"{origin}/invoice.pdf"):
            pass
    return caught.value


async def test_a_host_whose_certificate_ran_out_is_asked_again() -> None:
    """B12: and the box says what the matter is."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    trustme.CA().issue_cert("127.0.0.1").configure_cert(context)
    async with listening(Gateway(), context) as host:
        error = await not_fetched(f"https://127.0.0.1:{host.port}")
    assert (error.words, error.is_final) == ("127.0.0.1 has a certificate that is not valid for it", False)


async def test_a_host_is_asked_again_when_no_resolver_answers() -> None:
    """B12: that says nothing about the host, or about a mail server."""
    error = await not_fetched("https://files.example.com", Lookups(without_resolver))
    assert (error.words, error.is_final) == ("files.example.com cannot be looked up at the moment", False)
    away = Answer(Outcome.TRY_AGAIN, reply="mx.example.com cannot be looked up at the moment")
    assert lost(Stage.CONNECT, f"mx.example.com {words_for(AWAY)}") == away
