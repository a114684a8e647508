"""What went wrong with a connection, in words for the owner of the account."""

import socket
import ssl

from aiosmtplib.errors import (
    SMTPConnectError,
    SMTPException,
    SMTPServerDisconnected,
    SMTPTimeoutError,
)


class Disconnected(Exception):
    """The server closed the connection, or said what is no SMTP."""


def words_for(error: BaseException) -> str:
    """What happened, for the owner of the account: never the error's own text, which may name what is inside."""
    causes = (error, error.__cause__, error.__context__)
    known = (words for kind, words in WORDS.items() if any(isinstance(one, kind) for one in causes))
    return next(known, f"could not be used: {type(error).__name__}")


WORDS: dict[type[BaseException], str] = {
    ssl.SSLCertVerificationError: "has a certificate that is not valid for it",
    ssl.SSLError: "does not speak TLS as the account expects",
    socket.gaierror: "cannot be looked up at the moment",
    ConnectionRefusedError: "does not answer at this port",
    TimeoutError: "did not answer in time",
    SMTPTimeoutError: "did not answer in time",
    Disconnected: "closed the connection",
    SMTPServerDisconnected: "closed the connection",
    SMTPConnectError: "does not speak SMTP as the account expects",
    SMTPException: "does not offer what the account asks for: STARTTLS, or a way to sign in",
}
