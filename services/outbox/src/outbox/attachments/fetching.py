"""Getting an attachment from where its event says it is, if the operator allows the host (B12)."""

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

import httpcore

from outbox.connect import Network
from outbox.domain import HostRefused
from outbox.faults import words_for
from outbox.streams import http_over, open_stream

CONNECT_SECONDS = 10.0
_LATER = frozenset({408, 425, 429})


class NotFetched(Exception):
    """There are no bytes: `words` say why, and `is_final` that there never will be."""

    def __init__(self, words: str, *, is_final: bool) -> None:
        super().__init__("not fetched")
        self.words = words
        self.is_final = is_final


@dataclass(frozen=True, slots=True)
class Found:
    """A file as its host gives it. `name` is the end of its URL."""

    name: str
    content_type: str
    content: AsyncIterator[bytes]


@dataclass(frozen=True)
class Fetcher:
    """`origins` are those that attachments may come from, such as `https://files.example.com`."""

    network: Network
    origins: frozenset[str]

    @asynccontextmanager
    async def open(self, url: str) -> AsyncGenerator[Found]:
        """The file at `url`, to be read inside. Raises NotFetched, also while it is read."""
        host = ""
        try:
            parts = urlsplit(url)
            host = parts.hostname or ""
            if f"{parts.scheme}://{parts.netloc}".lower() not in self.origins:
                raise NotFetched(f"attachments are not fetched from {host}", is_final=True)
            connection = http_over(await open_stream(self.network, url, CONNECT_SECONDS), url)
        except HostRefused as error:
            raise NotFetched(error.words, is_final=True) from None
        except (OSError, TimeoutError) as error:  # before ValueError, which a wrong certificate is too
            raise NotFetched(f"{host} {words_for(error)}", is_final=False) from None
        except ValueError:
            raise NotFetched("an attachment has a URL that cannot be", is_final=True) from None
        try:
            request = httpcore.Request("GET", url, headers={"Host": parts.netloc, "Accept-Encoding": "identity"})
            response = await connection.handle_async_request(request)
            headers = {name.lower(): value.decode("latin-1") for name, value in response.headers}
            _check(host, response.status, headers.get(b"content-encoding", "identity"))
            name = unquote(parts.path.rpartition("/")[2])
            yield Found(name, headers.get(b"content-type", ""), response.aiter_stream())
        except (httpcore.ProtocolError, httpcore.NetworkError, OSError) as error:
            words = words_for(error) if isinstance(error, OSError) else "broke off within an attachment"
            raise NotFetched(f"{host} {words}", is_final=False) from None
        finally:
            await connection.aclose()


def _check(host: str, status: int, encoding: str) -> None:
    if status != 200:
        raise NotFetched(f"{host} answers {status} for an attachment", is_final=status < 500 and status not in _LATER)
    if encoding != "identity":
        raise NotFetched(f"{host} sends an attachment encoded", is_final=True)
