"""Asking a token endpoint for an access token (RFC 6749, 6), if the operator allows its host."""

import asyncio
from dataclasses import dataclass
from urllib.parse import urlencode, urlsplit

import httpcore

from outbox.channels import Refused
from outbox.connect import Network
from outbox.domain import Answer, HostRefused, Outcome
from outbox.faults import words_for
from outbox.oauth.domain import AccessToken, Grant, understand
from outbox.streams import http_over, open_stream, read_beginning
from outbox.via import OAuth


@dataclass(frozen=True)
class Endpoints:
    """How token endpoints are reached: at `origins` alone. `timeout` are seconds for the whole answer."""

    network: Network
    origins: frozenset[str]
    timeout: float

    async def ask(self, oauth: OAuth, grant: Grant) -> AccessToken:
        """A new access token. Raises Refused, with the endpoint's own words where it gave any."""
        host = urlsplit(oauth.token_url).hostname
        if oauth.origin not in self.origins:
            raise Refused(Answer(Outcome.ACCOUNT_REFUSED, reply=f"access tokens may not be asked for from {host}"))
        try:
            async with asyncio.timeout(self.timeout):
                status, body = await self._post(oauth.token_url, _form(oauth, grant))
        except HostRefused as error:
            raise Refused(Answer(Outcome.ACCOUNT_REFUSED, reply=error.words)) from None
        except (httpcore.ProtocolError, httpcore.NetworkError):
            raise Refused(Answer(Outcome.TRY_AGAIN, reply=f"{host} broke off the conversation")) from None
        except (OSError, TimeoutError) as error:
            raise Refused(Answer(Outcome.TRY_AGAIN, reply=f"{host} {words_for(error)}")) from None
        answer = understand(status, body)
        if isinstance(answer, Answer):
            raise Refused(answer.without(grant.refresh_token, grant.client_secret))
        return answer

    async def _post(self, url: str, form: bytes) -> tuple[int, bytes]:
        """(status, the beginning of the body)"""
        stream = await open_stream(self.network, url, self.timeout)
        headers = {"Host": urlsplit(url).netloc, "Accept": "application/json", "Accept-Encoding": "identity"}
        headers |= {"Content-Type": "application/x-www-form-urlencoded", "Content-Length": str(len(form))}
        try:
            request = httpcore.Request("POST", url, headers=list(headers.items()), content=form)
            response = await http_over(stream, url).handle_async_request(request)
            body = bytearray()
            await read_beginning(response, body)
            return response.status, bytes(body)
        finally:
            stream.close()


def _form(oauth: OAuth, grant: Grant) -> bytes:
    fields = {"grant_type": "refresh_token", "refresh_token": grant.refresh_token, "client_id": oauth.client_id}
    fields |= {"client_secret": grant.client_secret} if grant.client_secret else {}
    fields |= {"scope": oauth.scope} if oauth.scope else {}
    return urlencode(fields).encode()
