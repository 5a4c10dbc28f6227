"""Names of what our components hand to each other and to the dialogue in a Rasa message."""

from __future__ import annotations

CANONICAL = "canonical_text"
"""str on each message: what `Normaliser.canonical` made of it."""

DECISION = "decision"
"""In the parse result: "direct" | "ask" | "answer" | "reject" (see bot.nlu.fallback)."""

OPTIONS = "options"
"""In the parse result when the decision is "ask": the names of two or three intents to offer, best first."""

ISSUES = "issues"
"""In the parse result: what a long message tells of, [{"name": intent, "confidence": …, "leads": …}], see bot.nlu.issues."""

FALLBACK = "nlu_fallback"
OUT_OF_SCOPE = "out_of_scope"
