"""A service as a process: the app that `main.py` wires, its background work, its health, and its end.

The process answers at once; connections are made in the background, and `/readyz` says which part is missing. On
SIGTERM it stops taking requests and records, finishes what is in hand within `STOP_SECONDS`, commits, leaves its
groups, and ends.
"""

import asyncio
import gc
from collections.abc import AsyncGenerator, Callable, Container, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from typing import Any, Protocol, TypeVar

import uvicorn
from aiokafka.errors import KafkaError
from fastapi import APIRouter, FastAPI, Response
from fastapi.responses import JSONResponse
from opentelemetry.instrumentation.fastapi import FastAPIInstrumentor
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from pymongo.errors import PyMongoError

from common.audit import storage as audit
from common.audit.handlers import Journal
from common.audit.jobs import prolonging, telling
from common.audit.requests import Recorded
from common.auth import Revocations, TokenCheck, TrustedKeys
from common.bodies import LimitedBodies
from common.dead_letters import api as dead_letters_api
from common.dead_letters import storage as dead_letters
from common.dead_letters.handlers import DeadLetters
from common.dead_letters.jobs import jobs as dead_letter_jobs
from common.errors import Unavailable
from common.events.identity import AccessRevoked, SigningKeyChanged
from common.headers import SafeHeaders
from common.http import answer_with_problems, errors
from common.jobs import Backoff, Job, Stop
from common.kafka.connection import Kafka
from common.kafka.table import Table
from common.logs import configure_logs, error_code, logger
from common.mongo import Index, Mongo
from common.refusals import Refusals
from common.settings import ServiceSettings
from common.telemetry import configure_traces, flush_traces, hide_what_was_asked

log = logger(__name__)

HEALTH_PATHS = "livez,readyz,metrics"


class Reader(Protocol):
    """A subscription or table: `trouble` is None while it reads."""

    @property
    def trouble(self) -> str | None: ...
    async def run(self, stop: Stop) -> None: ...


def service_app(
    settings: ServiceSettings,
    *,
    name: str,
    mongo: Mongo,
    kafka: Kafka,
    indexes: Sequence[Index] = (),
    routers: Sequence[APIRouter] = (),
    subscriptions: Sequence[Any] = (),
    jobs: Sequence[Job] = (),
    provides: Sequence[object] = (),
    closes: Sequence[Callable[[], Any]] = (),
    open_while_acting: Container[str] | None = None,
    records_everybody: bool = False,
    most_bytes: int = 0,
    most_bytes_at: Mapping[str, int] | None = None,
) -> FastAPI:
    """The app of `name`. `provides`: what routes ask for with `provided(type)`; `closes`: awaited at the end;
    `open_while_acting`: the routes (`GET /partner`) for whoever acts for somebody else, None for all;
    `records_everybody`: the audit log has every change, and not only those of whoever acts for somebody else;
    `most_bytes`: what a route of it takes, if that is more than REQUEST_MOST_BYTES; `most_bytes_at`: what those at
    these paths take besides, which keep none of it in memory."""
    keys, revocations = TrustedKeys(), Revocations()
    readers: list[tuple[str, Reader]] = [
        ("signing keys", Table(SigningKeyChanged, keys.apply, kafka)),
        ("revocations", Table(AccessRevoked, revocations.apply, kafka, revocations.at_end)),
    ]
    readers += [(f"subscription {one.topic}", one) for one in subscriptions]
    setup = _Setup(mongo, [*indexes, *dead_letters.INDEXES, *audit.INDEXES])
    journal = Journal(audit.AuditOutbox(mongo, timedelta(seconds=settings.audit_unknown_seconds)), kafka, name)
    letters = DeadLetters(dead_letters.DeadLetterStore(mongo), kafka)
    kept = timedelta(days=settings.dead_letters_kept_days)
    jobs = [*jobs, *dead_letter_jobs(letters, name, kept), telling(journal), prolonging(journal)]

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncGenerator[None]:
        stop = Stop()
        background = [Job(name, reader.run) for name, reader in readers] + list(jobs)
        tasks = [asyncio.create_task(_after(setup, job, stop), name=job.name) for job in background]
        log.info("started")
        yield
        stop.set()
        await _finish(tasks, settings.stop_seconds)
        for close in closes:
            await close()
        await kafka.stop()
        await mongo.close()
        flush_traces()
        log.info("stopped")

    app = FastAPI(
        title=f"Switchboard {name}",
        version="1",
        lifespan=lifespan,
        responses=errors(Unavailable),
        redirect_slashes=False,  # it would send the token on to whatever `Host` says, without TLS
    )
    app.state.provided = {type(one): one for one in (*provides, letters)}
    app.state.token_check = TokenCheck(
        keys=keys,
        revocations=revocations,
        issuer=settings.token_issuer,
        audience=settings.token_audience,
        leeway=timedelta(seconds=settings.token_leeway_seconds),
        silence=timedelta(seconds=settings.revocation_silence_seconds),
    )
    app.state.open_while_acting = open_while_acting
    answer_with_problems(app, Refusals(settings.refusals_logged_per_second))
    for router in (*routers, dead_letters_api.router):
        app.include_router(router)
    app.include_router(_health(setup, mongo, kafka, readers, jobs))
    app.state.records_everybody = records_everybody
    most = max(settings.request_most_bytes, most_bytes)
    most_at = {path: most + more for path, more in (most_bytes_at or {}).items()}
    app.add_middleware(LimitedBodies, most=most, most_at=most_at)
    app.add_middleware(Recorded, journal=journal)
    app.add_middleware(SafeHeaders)
    FastAPIInstrumentor.instrument_app(
        app, server_request_hook=hide_what_was_asked, excluded_urls=HEALTH_PATHS, exclude_spans=["receive", "send"]
    )
    return app


class _Setup:
    """Makes the indexes before anything works with them, as soon as the database answers."""

    def __init__(self, mongo: Mongo, indexes: Sequence[Index]) -> None:
        self._mongo = mongo
        self._indexes = indexes
        self._lock = asyncio.Lock()
        self.is_done = False

    async def until_done(self, stop: Stop) -> None:
        backoff = Backoff()
        async with self._lock:
            while not self.is_done and not stop.is_set():
                try:
                    await self._mongo.ensure(self._indexes)
                    self.is_done = True
                except PyMongoError as error:
                    log.warning("indexes_wait", error=error_code(error))
                    await stop.wait_for(backoff.next())


async def _after(setup: _Setup, job: Job, stop: Stop) -> None:
    await setup.until_done(stop)
    await job.supervise(stop)


async def _finish(tasks: Sequence[asyncio.Task[None]], seconds: float) -> None:
    _, late = await asyncio.wait(tasks, timeout=seconds) if tasks else ((), ())
    for task in late:
        log.warning("stop_cut_short", task=task.get_name())
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


LOOKS = ["GET", "HEAD"]
"""Balancers and monitors look with either."""


def _health(
    setup: _Setup, mongo: Mongo, kafka: Kafka, readers: Sequence[tuple[str, Reader]], jobs: Sequence[Job]
) -> APIRouter:
    router = APIRouter(include_in_schema=False)

    @router.api_route("/livez", methods=LOOKS)
    async def livez() -> dict[str, str]:
        return {"status": "alive"}

    @router.api_route("/readyz", methods=LOOKS)
    async def readyz() -> JSONResponse:
        missing = {name: reader.trouble for name, reader in readers if reader.trouble}
        missing |= {job.name: job.trouble for job in jobs if job.trouble}
        if not setup.is_done:
            missing["database"] = "indexes are not made yet"
        try:
            await mongo.ping()
        except PyMongoError:
            missing["database"] = "does not answer"
        try:
            await kafka.ping()
        except (KafkaError, TimeoutError):
            missing["broker"] = "does not answer"
        return JSONResponse({"ready": not missing, "missing": missing}, 503 if missing else 200)

    @router.get("/metrics")
    async def metrics() -> Response:
        return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)

    return router


S = TypeVar("S", bound=ServiceSettings)


def run(settings: S, build: Callable[[S], FastAPI]) -> None:
    """Run a service until SIGTERM or SIGINT. Called by `python -m <service>`."""
    configure_logs(settings.service_name, settings.log_level)
    configure_traces(settings.service_name)
    app = build(settings)
    # What is there now stays; what comes is short-lived and has hardly any cycles, so looking for them pays rarely.
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)
    uvicorn.run(
        app,
        host=settings.service_host,
        port=settings.service_port,
        loop="uvloop",
        log_config=None,
        access_log=False,
        timeout_keep_alive=settings.keep_alive_seconds,
        timeout_graceful_shutdown=int(settings.stop_seconds),
    )
