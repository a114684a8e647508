"""Sending through an HTTP gateway: one connection, one POST after another.

A connection is opened as a mail server's is (`connect.Network`): to an address that was checked, so that no name leads
into the operator's network, and before the first request, so that a gateway that is away costs no message an attempt of
its own. Redirects are not followed, no proxy is asked, and of an answer only the beginning is read.
"""

import asyncio
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode, urlsplit

import httpcore

from outbox.channels import Refused
from outbox.connect import Network
from outbox.domain import Answer, HostRefused, Outcome
from outbox.faults import words_for
from outbox.gateway_answers import points_left, retry_after_of, understand_http, understand_smsapi
from outbox.mime import Mail
from outbox.streams import Stream, http_over, open_stream, read_beginning
from outbox.via import HttpGateway, SmsApi

_PLACEHOLDER = re.compile(r"\{(to|text|sender|id|channel)\}")
_FORM, _JSON = "application/x-www-form-urlencoded", "application/json"

Gateway = SmsApi | HttpGateway


@dataclass(frozen=True)
class Rules:
    """How gateways are spoken to. Times are seconds; `longest_wait` is the most that a `Retry-After` may ask for."""

    network: Network
    timeout: float
    longest_wait: float


async def connect(via: Gateway, channel: str, secret: str | None, rules: Rules, report_url: str) -> "GatewayConnection":
    """A connection to the gateway, which is told where to report to. Raises Refused."""
    try:
        stream = await open_stream(rules.network, via.url, rules.timeout)
    except HostRefused as error:
        raise Refused(Answer(Outcome.ACCOUNT_REFUSED, reply=error.words)) from None
    except (OSError, TimeoutError) as error:
        raise Refused(Answer(Outcome.TRY_AGAIN, reply=f"{urlsplit(via.url).hostname} {words_for(error)}")) from None
    return GatewayConnection(via, channel, secret, stream, rules, report_url)


class GatewayConnection:
    """A connection to a gateway, for one message after another."""

    def __init__(
        self, via: Gateway, channel: str, secret: str | None, stream: Stream, rules: Rules, report_url: str
    ) -> None:
        self._via = via
        self._channel = channel
        self._secret = secret
        self._stream = stream
        self._rules = rules
        self._report_url = report_url
        self._http = http_over(stream, via.url)

    @property
    def is_open(self) -> bool:
        """False too when the gateway has closed it."""
        return not (self._http.is_closed() or self._http.has_expired())

    def close(self) -> None:
        self._stream.close()

    async def check(self) -> Answer:
        """SMSAPI is asked for our profile; other gateways have no harmless question. Raises Refused."""
        if isinstance(self._via, HttpGateway):
            return Answer(Outcome.SENT, reply="connected; whether it takes the secret shows with the first message")
        answered = await self._ask("GET", f"{self._via.url}/profile", b"", {})
        if isinstance(answered, Answer):
            return answered
        status, body, _ = answered
        answer = understand_http(status, body, None, None).without(self._secret)
        return replace(answer, reply=points_left(body)) if answer.outcome is Outcome.SENT else answer

    async def send(self, mail: Mail, then: Mail | None = None) -> Answer:
        """One text to one recipient. After a broken exchange the connection is closed.

        Raises Refused when the gateway does not take the account.
        """
        answer = (await self._post(mail)).without(self._secret)
        if answer.outcome is Outcome.ACCOUNT_REFUSED:
            self.close()
            raise Refused(answer)
        return answer

    async def _post(self, mail: Mail) -> Answer:
        via = self._via
        if isinstance(via, SmsApi):
            form = _form(mail, self._report_url)
            answered = await self._ask("POST", f"{via.url}/sms.do", form, {"Content-Type": _FORM})
        else:
            headers = {"Content-Type": _JSON}
            if via.idempotency_header:
                headers[via.idempotency_header] = mail.key
            answered = await self._ask("POST", via.url, _filled(via.body, mail, self._channel), headers)
        if isinstance(answered, Answer):
            return answered
        status, body, retry_after = answered
        if isinstance(via, SmsApi):
            return understand_smsapi(status, body, retry_after)
        return understand_http(status, body, via.provider_id_at, retry_after)

    async def _ask(
        self, method: str, url: str, content: bytes, headers: Mapping[str, str]
    ) -> tuple[int, bytes, float | None] | Answer:
        """(status, the beginning of the body, seconds to wait); or what a lost answer means. One that breaks off behind
        its status is none of SMSAPI, whose body says what it is."""
        headers = {"Host": urlsplit(url).netloc, "Accept": _JSON, "Content-Length": str(len(content)), **headers}
        request = httpcore.Request(method, url, headers=[*headers.items(), *self._proof().items()], content=content)
        response, body = None, bytearray()
        try:
            async with asyncio.timeout(self._rules.timeout):
                response = await self._http.handle_async_request(request)
                await read_beginning(response, body)
        except (httpcore.ProtocolError, httpcore.NetworkError, OSError, TimeoutError) as error:
            self._stream.abort()
            if response is None or isinstance(self._via, SmsApi):
                words = "did not answer in time" if isinstance(error, TimeoutError) else "broke off the conversation"
                return Answer(Outcome.UNKNOWN, reply=f"the gateway {words}")
        asked = [value.decode("ascii", "replace") for name, value in response.headers if name.lower() == b"retry-after"]
        retry_after = retry_after_of(asked[0], datetime.now(UTC), self._rules.longest_wait) if asked else None
        return response.status, bytes(body), retry_after

    def _proof(self) -> dict[str, str]:
        """The header that says who we are."""
        if self._secret is None:
            return {}
        header = self._via.secret_header if isinstance(self._via, HttpGateway) else None
        return {header: self._secret} if header else {"Authorization": f"Bearer {self._secret}"}


def _form(mail: Mail, report_url: str) -> bytes:
    fields = {"to": mail.to_address, "message": mail.text, "from": mail.from_address, "format": "json"}
    fields |= {"encoding": "utf-8", "idx": mail.key, "check_idx": "1"}
    fields |= {"notify_url": report_url} if report_url else {}
    return urlencode(fields).encode()


def _filled(body: str, mail: Mail, channel: str) -> bytes:
    """The gateway's document with the message put in."""
    values = {
        "to": mail.to_address,
        "text": mail.text,
        "sender": mail.from_address,
        "id": mail.message_id,
        "channel": channel,
    }

    def fill(part: Any) -> Any:
        if isinstance(part, str):
            return _PLACEHOLDER.sub(lambda found: values[found.group(1)], part)
        if isinstance(part, list):
            return [fill(one) for one in part]
        return {name: fill(value) for name, value in part.items()} if isinstance(part, dict) else part

    return json.dumps(fill(json.loads(body))).encode()
