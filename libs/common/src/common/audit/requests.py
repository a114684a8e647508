"""A request as the audit log sees it: begun before the route does anything, ended with its answer (E6)."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import Depends, Request
from pymongo.errors import PyMongoError
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from common.audit import handlers
from common.audit.domain import Deed, Outcome, in_milliseconds, is_id, network_of, target_of
from common.audit.handlers import Journal, new_deed_id
from common.authors import Asker, Author
from common.logs import error_code, logger

log = logger(__name__)

_NOT_DONE = 400
CHANGES_NOTHING = frozenset({"GET", "HEAD", "OPTIONS"})


class Recording:
    """What one request leaves in the audit log. Whoever knows who asks says so with `asked_by`, before anything is
    done; of a request of which nobody does, nothing is kept."""

    __slots__ = ("_begun", "_deeds", "_details", "_is_kept", "_journal", "_scope", "asker")

    def __init__(self, journal: Journal, scope: Scope) -> None:
        self._journal = journal
        self._scope = scope
        self._begun: list[str] = []
        self._deeds: list[Deed] = []
        self._details: dict[str, list[str]] = {}
        self._is_kept = False
        self.asker: Asker | None = None
        """Who asks, once that is known, whether anything is kept of it or not."""

    async def asked_by(self, author: Author, partner_id: str, session_id: str | None) -> None:
        """Keep that this request was begun, if it is one that changes something. Raises a PyMongoError."""
        self.asker = Asker(author, partner_id)
        if author.actor is None and not self._scope["app"].state.records_everybody:
            return
        self.tried_by(author, partner_id, session_id)
        if self._scope["method"] not in CHANGES_NOTHING:
            await self._begin(self._deeds[0])
            self._is_kept = True

    def tried_by(self, author: Author, partner_id: str, session_id: str | None = None) -> None:
        """Keep that this request was refused, if it is: after the answer, which does not take longer for that."""
        self.asker = Asker(author, partner_id)
        self._deeds = [self._new_deed(author, partner_id, session_id)]

    async def also_in(self, partner_id: str) -> None:
        """Keep it in the log of this partner, too, who is not the one that asks; nothing else is a partner's id."""
        if not is_id(partner_id):
            return
        deed = replace(self._deeds[0], id=new_deed_id(), partner_id=partner_id)
        await self._begin(deed)
        self._deeds.append(deed)

    async def about(self, **details: list[str]) -> None:
        """Say more of what is going to be done, for instance which permissions are given."""
        self._details = details
        if self._is_kept:
            await self._journal.store.detail([deed.id for deed in self._deeds], details)

    def made(self, **ids: str) -> None:
        """What is new now: nobody could say so in the path."""
        self._deeds = [replace(deed, target={**deed.target, **target_of(ids)}) for deed in self._deeds]

    async def happened(
        self, action: str, author: Author, partner_id: str, session_id: str | None, **details: list[str]
    ) -> None:
        """Keep something else that comes of this request. Said before the answer."""
        deed = replace(self._new_deed(author, partner_id, session_id), action=action, target={})
        await handlers.record(self._journal, deed, Outcome.DONE, details=details)

    async def answered(self, status: int) -> None:
        """Keep what came of it; of a request that changes nothing, only that it was refused."""
        outcome = Outcome.of_status(status)
        try:
            for deed in self._deeds:
                if self._is_kept:
                    await handlers.end(self._journal, deed, outcome, status)
                elif outcome is Outcome.REFUSED:
                    await handlers.record(self._journal, deed, outcome, status, self._details)
        except PyMongoError as error:
            log.warning("audit_not_ended", error=error_code(error))
        if self._deeds and self._deeds[0].author.actor is not None:
            deed = self._deeds[0]
            log.info("acted", deed=deed.id, action=deed.action, outcome=outcome, status=status)

    async def _begin(self, deed: Deed) -> None:
        await handlers.begin(self._journal, deed, self._details)
        self._begun.append(deed.id)

    def over(self) -> None:
        """The request is done with, whatever came of it."""
        handlers.over(self._journal, self._begun)

    def _new_deed(self, author: Author, partner_id: str, session_id: str | None) -> Deed:
        parameters: Mapping[str, Any] = self._scope.get("path_params", {})
        client = self._scope.get("client")
        return Deed(
            id=new_deed_id(),
            partner_id=partner_id,
            at=in_milliseconds(datetime.now(UTC)),
            author=author,
            session_id=session_id,
            network=network_of(client[0]) if client else None,
            service=self._journal.service,
            action=f"{self._scope['method']} {self._scope['route'].path}",
            target=target_of(parameters),
        )


class Recorded:
    """The app, with a `Recording` in the state of each request."""

    def __init__(self, app: ASGIApp, journal: Journal) -> None:
        self._app = app
        self._journal = journal

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        recording = Recording(self._journal, scope)
        scope.setdefault("state", {})["recording"] = recording

        status = 0

        async def answer(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                if status < _NOT_DONE:
                    await recording.answered(status)
            await send(message)

        try:
            await self._app(scope, receive, answer)
            if status >= _NOT_DONE:  # after the answer, which must not take longer for a user who is there
                await recording.answered(status)
        finally:
            recording.over()


async def _recording(request: Request) -> Recording:
    return request.state.recording


RecordingDep = Annotated[Recording, Depends(_recording)]
"""For a route that has more to say to the audit log."""
