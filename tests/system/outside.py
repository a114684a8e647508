"""Whom the services speak to in the run, besides the mail server that takes passwords."""

from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from tests.outbox.files import Files, files
from tests.outbox.scripted import HANG_UP, Scripted
from tests.outbox.scripted import listening as mail_server
from tests.outbox.token_endpoint import TokenEndpoint
from tests.support.gateways import Gateway, listening
from tests.support.imap import MailboxServer, mailbox_server


@dataclass
class Outside:
    """`office` is a mail server that takes access tokens only; `files` has what attachments are fetched from."""

    gateway: Gateway
    mailbox: MailboxServer
    files: Files
    tokens: TokenEndpoint
    office: Scripted

    @property
    def settings(self) -> dict[str, str]:
        """Where the services find them."""
        return {
            "IMAP_HOST": "127.0.0.1",
            "IMAP_PORT": str(self.mailbox.port),
            "IMAP_TLS": "none",
            "IMAP_USERNAME": "bounces",
            "IMAP_PASSWORD": self.mailbox.password,
            "IMAP_LOOK_SECONDS": "0.1",
            "ATTACHMENT_HOSTS": self.files.origin,
            "OAUTH_TOKEN_HOSTS": self.tokens.url,
        }


@asynccontextmanager
async def outside(word: str) -> AsyncGenerator[Outside]:
    """All of them, with `word` in what they say and ask for."""
    async with AsyncExitStack() as stack:
        gateway = await stack.enter_async_context(listening(Gateway(token=f"{word}-gateway")))
        mailbox = await stack.enter_async_context(mailbox_server())
        mailbox.password = f"{word}-mailbox"
        host = await stack.enter_async_context(files())
        tokens = await stack.enter_async_context(listening(TokenEndpoint()))
        assert isinstance(tokens, TokenEndpoint)
        replies: dict[str, str | list[str]] = {
            ".": f"250 2.0.0 OK{HANG_UP}",
            "": f"535 5.7.8 {word}",
        }
        office = await stack.enter_async_context(mail_server(Scripted(replies, ("AUTH XOAUTH2",))))
        yield Outside(gateway, mailbox, host, tokens, office)
