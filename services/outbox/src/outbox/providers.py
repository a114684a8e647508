"""From a sender account to a connection with its provider."""

from dataclasses import dataclass

from common.keyring import Keyring, SecretUnreadable
from outbox import connect, gateways
from outbox.channels import Connection, Refused
from outbox.connect import Network
from outbox.domain import Account, Answer, Outcome
from outbox.oauth.handlers import AccessTokens
from outbox.report_urls import ReportUrls
from outbox.smtp import Patience
from outbox.via import HttpGateway, SmsApi, Smtp


@dataclass(frozen=True)
class Providers:
    """How providers are reached."""

    keyring: Keyring
    mail_servers: Network
    patience: Patience
    gateways: gateways.Rules
    report_urls: ReportUrls
    access_tokens: AccessTokens

    async def connect(self, account: Account) -> Connection:
        """A connection that is good for messages of `account`. Raises Refused."""
        match account.via:
            case Smtp(oauth=None):
                return await self._mail_server(account.via, self._secret_of(account))
            case Smtp():
                return await self._mail_server_by_token(account, account.via)
            case SmsApi() | HttpGateway():
                secret = self._secret_of(account)
                report_url = self.report_urls.of(account.id)
                return await gateways.connect(account.via, account.channel, secret, self.gateways, report_url)

    async def _mail_server(self, smtp: Smtp, secret: str | None) -> Connection:
        return await connect.connect(smtp, secret, self.mail_servers, self.patience)

    async def _mail_server_by_token(self, account: Account, smtp: Smtp) -> Connection:
        """A token that was kept may have been taken back meanwhile: that it is refused says nothing of the account."""
        token, is_new = await self.access_tokens.of(account)
        try:
            return await self._mail_server(smtp, token)
        except Refused as refused:
            if is_new or not refused.answer.refuses_account:
                raise
        token, _ = await self.access_tokens.of(account, refused=token)
        return await self._mail_server(smtp, token)

    def _secret_of(self, account: Account) -> str | None:
        """The account's secret in the open. Raises Refused when no key of the ring opens it."""
        if account.secret is None:
            return None
        try:
            return self.keyring.open(account.secret, account.sealed_for)
        except SecretUnreadable:
            words = "the password cannot be read any more: set it again"
            raise Refused(Answer(Outcome.ACCOUNT_REFUSED, reply=words)) from None
