"""From a sender account to a connection with its provider."""

from dataclasses import dataclass

from common.keyring import Keyring, SecretUnreadable
from outbox import connect, gateways
from outbox.channels import Connection, Refused
from outbox.connect import Network
from outbox.domain import Account, Answer, Outcome
from outbox.report_urls import ReportUrls
from outbox.via import HttpGateway, SmsApi, Smtp


@dataclass(frozen=True)
class Providers:
    """How providers are reached; `smtp_timeout` are seconds."""

    keyring: Keyring
    mail_servers: Network
    smtp_timeout: float
    gateways: gateways.Rules
    report_urls: ReportUrls

    async def connect(self, account: Account) -> Connection:
        """A connection that is good for messages of `account`. Raises Refused."""
        secret = self._secret_of(account)
        match account.via:
            case Smtp():
                return await connect.connect(account.via, secret, self.mail_servers, self.smtp_timeout)
            case SmsApi() | HttpGateway():
                report_url = self.report_urls.of(account.id)
                return await gateways.connect(account.via, account.channel, secret, self.gateways, report_url)

    def _secret_of(self, account: Account) -> str | None:
        """The account's secret in the open. Raises Refused when no key of the ring opens it."""
        if account.secret is None:
            return None
        try:
            return self.keyring.open(account.secret, account.sealed_for)
        except SecretUnreadable:
            words = "the password cannot be read any more: set it again"
            raise Refused(Answer(Outcome.ACCOUNT_REFUSED, reply=words)) from None
