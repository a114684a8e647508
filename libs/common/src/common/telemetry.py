"""Traces: one trace from the publisher's `traceparent` to the provider's reply.

The standard `OTEL_*` variables choose sampler and exporter (`OTEL_TRACES_EXPORTER`: otlp, zipkin, console or none).

A span for every record would cost half the throughput, so a batch has one span of its own with links, and only records
whose publisher asked for it (the sampled flag of `traceparent`) get a span in their own trace.
"""

import os
from collections.abc import Mapping
from typing import Final

from opentelemetry import trace
from opentelemetry.instrumentation.pymongo import PymongoInstrumentor
from opentelemetry.sdk.resources import SERVICE_NAME, Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, ConsoleSpanExporter, SpanExporter
from opentelemetry.trace import Link, NonRecordingSpan, Span, SpanContext, SpanKind, Status, TraceFlags
from opentelemetry.util.types import AttributeValue
from structlog.contextvars import bind_contextvars

from common.authors import Asker

MAX_LINKS: Final = 128
_PLACES: Final = ("http.target", "http.url", "url.path", "url.query", "url.full")
TRACER: Final = trace.get_tracer("switchboard")


def configure_traces(service: str) -> None:
    """Install the tracer provider that `OTEL_*` asks for. Raises ValueError for an exporter that is not known."""
    exporter = _exporter(os.environ.get("OTEL_TRACES_EXPORTER", "none"))
    if exporter is None:
        return
    provider = TracerProvider(resource=Resource.create({SERVICE_NAME: service}))
    provider.add_span_processor(WordlessSpans(exporter, schedule_delay_millis=500))
    trace.set_tracer_provider(provider)
    PymongoInstrumentor().instrument()


def say_who_acts(asker: Asker) -> None:
    """Put who acts for somebody else, and for whom, into the span of this request and into whatever it logs (E6)."""
    if asker.author.actor is None:
        return
    names = asker.names()
    bind_contextvars(**names)
    trace.get_current_span().set_attributes({f"switchboard.{name}": value for name, value in names.items()})


class WordlessSpans(BatchSpanProcessor):
    """Exports of an error its kind and never its words: those of exceptions and of the database quote values."""

    def on_end(self, span: ReadableSpan) -> None:
        super().on_end(_without_words(span) if span.events or span.status.description else span)


def _without_words(span: ReadableSpan) -> ReadableSpan:
    attributes = dict(span.attributes or {})
    for event in span.events:
        attributes |= {"error.type": (event.attributes or {}).get("exception.type", event.name)}
    return ReadableSpan(
        name=span.name,
        context=span.context,
        parent=span.parent,
        resource=span.resource,
        attributes=attributes,
        links=span.links,
        kind=span.kind,
        status=Status(span.status.status_code),
        start_time=span.start_time,
        end_time=span.end_time,
        instrumentation_scope=span.instrumentation_scope,
    )


def hide_what_was_asked(span: Span, _: object) -> None:
    """The route's template in place of path and query: these may hold addresses, and the proof of who asks."""
    attributes = span.attributes or {} if isinstance(span, ReadableSpan) else {}
    for place in _PLACES:
        if place in attributes:
            span.set_attribute(place, attributes.get("http.route", "unknown"))


def flush_traces() -> None:
    """Send what is left; called at the end of a process."""
    provider = trace.get_tracer_provider()
    if isinstance(provider, TracerProvider):
        provider.shutdown()


def _exporter(name: str) -> SpanExporter | None:
    match name:
        case "none" | "":
            return None
        case "console":
            return ConsoleSpanExporter()
        case "otlp":
            from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

            return OTLPSpanExporter()
        case "zipkin":
            from opentelemetry.exporter.zipkin.json import ZipkinExporter

            return ZipkinExporter()
        case _:
            raise ValueError(f"OTEL_TRACES_EXPORTER must be otlp, zipkin, console or none, not {name!r}")


def context_of(traceparent: str | None) -> SpanContext | None:
    """The span that a W3C `traceparent` names; None when there is none or it is malformed."""
    if traceparent is None or len(traceparent) < 55:
        return None
    try:
        trace_id, span_id, flags = int(traceparent[3:35], 16), int(traceparent[36:52], 16), int(traceparent[53:55], 16)
    except ValueError:
        return None
    context = SpanContext(trace_id, span_id, is_remote=True, trace_flags=TraceFlags(flags))
    return context if context.is_valid else None


def traceparent_of(span: Span) -> str | None:
    """The `traceparent` that continues `span`; None when nothing is traced."""
    context = span.get_span_context()
    if not context.is_valid:
        return None
    return f"00-{context.trace_id:032x}-{context.span_id:016x}-{context.trace_flags:02x}"


def current_traceparent() -> str | None:
    """The `traceparent` that continues what is done at this moment; None when nothing is traced."""
    return traceparent_of(trace.get_current_span())


def is_sampled(traceparent: str | None) -> bool:
    """True when whoever began the trace wants it recorded."""
    context = context_of(traceparent)
    return context is not None and context.trace_flags.sampled


def continue_trace(
    name: str,
    traceparent: str | None,
    *,
    kind: SpanKind = SpanKind.INTERNAL,
    link: Span | None = None,
    start_time: int | None = None,
    attributes: Mapping[str, AttributeValue] | None = None,
) -> Span:
    """A started span in the trace of `traceparent` (a new trace without one). The caller ends it. Times are ns."""
    parent = context_of(traceparent)
    if parent is not None and not parent.trace_flags.sampled:
        return NonRecordingSpan(parent)
    context = trace.set_span_in_context(NonRecordingSpan(parent)) if parent else None
    links = [Link(link.get_span_context())] if link is not None and link.is_recording() else None
    return TRACER.start_span(
        name, context=context, kind=kind, links=links, start_time=start_time, attributes=attributes
    )


def links_to(traceparents: list[str | None]) -> list[Link]:
    """Links to the sampled ones of `traceparents`, at most `MAX_LINKS`."""
    contexts = (context_of(text) for text in traceparents if is_sampled(text))
    return [Link(context) for context in contexts if context][:MAX_LINKS]
