"""What the records say about one overdue instalment (product §3): the timeline, and the cause of each overdue day."""

from bot.cases.evidence.report import Evidence, EvidencePolicy, examine

__all__ = ["Evidence", "EvidencePolicy", "examine"]
