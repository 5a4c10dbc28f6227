"""What operators watch. One registry per application, so that tests do not share counters."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest


class Metrics:
    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.messages = Counter(
            "suixing_messages", "Messages stored, by direction and channel", ["direction", "channel"], registry=self.registry
        )
        self.rasa_seconds = Histogram(
            "suixing_rasa_seconds",
            "Time that Rasa took for one turn, failures included",
            buckets=(0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5),
            registry=self.registry,
        )
        self.own_seconds = Histogram(
            "suixing_turn_own_seconds",
            "Time of a turn that is ours: all but waiting for Rasa",
            buckets=(0.001, 0.002, 0.003, 0.005, 0.0075, 0.01, 0.015, 0.025, 0.05, 0.1, 0.25, 1),
            registry=self.registry,
        )
        self.failures = Counter(
            "suixing_turn_failures", "Turns that Rasa did not answer, by kind", ["kind"], registry=self.registry
        )
        self.queue_length = Gauge("suixing_handoff_queue_length", "Borrowers waiting for a human", registry=self.registry)

    def render(self) -> bytes:
        return generate_latest(self.registry)
