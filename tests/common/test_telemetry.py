"""Spans say that something failed, and of what kind the error was (F4)."""

from contextlib import suppress

from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from common.telemetry import WordlessSpans


def test_a_span_has_the_kind_of_an_error_and_not_its_words() -> None:
    """F4: an exception may quote whatever it is about."""
    kept, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(WordlessSpans(kept))
    with suppress(ValueError), provider.get_tracer("test").start_as_current_span("work") as span:
        span.set_attribute("count", 5)
        raise ValueError("canary")
    provider.shutdown()
    [exported] = kept.get_finished_spans()
    assert "canary" not in exported.to_json()
    assert exported.attributes == {"count": 5, "error.type": "ValueError"}
    assert (exported.name, exported.status.is_ok) == ("work", False)
