"""Connecting to a partner's mail server: aiosmtplib secures the connection and signs in."""

import asyncio
import ipaddress
import socket
from functools import cache
from typing import Any, cast

import aiosmtplib
from aiosmtplib.auth import auth_login_encode, auth_plain_encode, auth_xoauth2_encode
from aiosmtplib.errors import SMTPException, SMTPResponseException

from outbox.channels import Refused
from outbox.domain import Answer, HostRefused, Outcome, Stage, hidden, lost, understand
from outbox.faults import words_for
from outbox.lookups import Lookups
from outbox.smtp import EXTENSIONS, Connection, Patience
from outbox.via import Smtp

NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
UNICAST = ipaddress.IPv6Network("2000::/3")
"""What is given out of IPv6 (RFC 4291, 2.4). The rest, such as site-local and local NAT64, is at most of a network."""


class Network:
    """Which hosts accounts may reach: never the operator's inner network, unless he allows it."""

    def __init__(self, allowed_inner: frozenset[str], lookups: Lookups | None = None) -> None:
        self._allowed = allowed_inner
        self._lookups = lookups or Lookups()

    async def connect(self, host: str, port: int, seconds: float) -> socket.socket:
        """A connected socket to an address that was checked, and is not looked up again.

        Raises HostRefused, OSError, TimeoutError.
        """
        loop = asyncio.get_running_loop()
        until, trouble = loop.time() + seconds, OSError()
        async with asyncio.timeout(seconds):
            try:
                found = await self._lookups.of(host, port)
            except (socket.gaierror, UnicodeError) as error:  # the second: a part of its name is empty or too long
                if isinstance(error, socket.gaierror) and error.errno == socket.EAI_AGAIN:
                    raise  # nobody knows whether there is
                raise HostRefused(f"there is no host {host}") from None
            addresses = [one for one in found if self._may_reach(host, str(one[4][0]))]
            if not addresses:
                raise HostRefused(f"{host} is inside the operator's network")
            for number, (family, kind, protocol, _, address) in enumerate(addresses):
                share = (until - loop.time()) / (len(addresses) - number)  # so that a silent one leaves time for others
                try:
                    async with asyncio.timeout(share):
                        return await _connected(socket.socket(family, kind, protocol), address)
                except OSError as error:
                    trouble = error
            raise trouble

    def _may_reach(self, host: str, address: str) -> bool:
        return is_public(address.partition("%")[0]) or not self._allowed.isdisjoint((host, address))


async def _connected(connected: socket.socket, address: Any) -> socket.socket:
    """Raises OSError."""
    try:
        connected.setblocking(False)
        await asyncio.get_running_loop().sock_connect(connected, address)
        connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    except (OSError, asyncio.CancelledError):
        connected.close()
        raise
    return connected


def is_public(address: str) -> bool:
    """True for an address of the open internet; one that wraps an IPv4 address is judged by what is inside."""
    found = ipaddress.ip_address(address)
    if isinstance(found, ipaddress.IPv6Address):
        inside = ipaddress.IPv4Address(int(found) & 0xFFFFFFFF) if found in NAT64 else None
        found = found.ipv4_mapped or found.sixtofour or inside or found
    if isinstance(found, ipaddress.IPv6Address) and found not in UNICAST:
        return False
    return found.is_global and not found.is_multicast


@cache
def own_name() -> str:
    """What we call ourselves in EHLO; looked up once, which can take as long as a whole delivery."""
    return socket.getfqdn()


async def connect(smtp: Smtp, secret: str | None, network: Network, patience: Patience) -> Connection:
    """A connection that is secured and signed in as `smtp` says, with a password or an access token.

    Raises Refused with what the server said.
    """
    stage = Stage.CONNECT
    client: aiosmtplib.SMTP | None = None
    try:
        connected = await network.connect(smtp.host, smtp.port, patience.answer)
        client = aiosmtplib.SMTP(
            hostname=smtp.host, sock=connected, timeout=patience.answer,
            local_hostname=await asyncio.to_thread(own_name),
            use_tls=smtp.tls == "tls", start_tls=smtp.tls == "starttls",
        )  # fmt: skip
        await client.connect()
        await client.ehlo()
        if smtp.username:
            stage = Stage.SIGN_IN
            await _sign_in(client, smtp, smtp.username, secret or "")
        extensions = {name: client.esmtp_extensions[name] for name in EXTENSIONS if client.supports_extension(name)}
        return Connection(cast(asyncio.Transport, client.transport), extensions, patience)
    except HostRefused as error:
        answer = Answer(Outcome.ACCOUNT_REFUSED, reply=error.words)
    except SMTPResponseException as error:
        answer = understand(stage, error.code, hidden(error.message, *_written(smtp.username or "", secret)))
    except (SMTPException, OSError, TimeoutError, ValueError) as error:
        answer = lost(stage, f"{smtp.host} {words_for(error)}")
    if client is not None:
        client.close()
    raise Refused(answer)


def _written(username: str, secret: str | None) -> list[str]:
    """The secret as a mail server was told it, which may repeat a command that it does not know."""
    if not secret:
        return []
    _, alone = auth_login_encode(username, secret)
    encoded = (auth_plain_encode(username, secret), auth_xoauth2_encode(username, secret), alone)
    return [secret, *(one.decode() for one in encoded)]


async def _sign_in(client: aiosmtplib.SMTP, smtp: Smtp, username: str, secret: str) -> None:
    """Raises SMTPException."""
    if smtp.oauth is None:
        await client.login(username, secret)
    elif "xoauth2" in client.server_auth_methods:
        await client.auth_xoauth2(username, secret)
    else:
        raise SMTPException("no XOAUTH2")
