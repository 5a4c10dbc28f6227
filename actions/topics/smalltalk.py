"""Yes, no and "that was not it": they mean something only where a question is open."""

from __future__ import annotations

from collections.abc import Callable

from actions.topics.service import hand_over
from actions.turn import Turn


def affirm(turn: Turn) -> None:
    offer = turn.slots.get("pending_offer")
    if offer and offer.get("intent") == "request_human":
        hand_over(turn, "asked")
    else:
        turn.answer()


def deny(turn: Turn) -> None:
    """ "都不是" after the meanings were offered; a declined offer; or a no to nothing."""
    if turn.slots.get("misunderstandings"):
        turn.say("none_of_these")
        turn.offer("request_human")
    else:
        turn.answer()


def unresolved(turn: Turn) -> None:
    """The borrower says the answer did not help: a misunderstanding like any other, so the second in a row brings a person."""
    misses = int(turn.slots.get("misunderstandings") or 0) + 1
    if misses >= 2:
        turn.remember("misunderstandings", 0)
        turn.say("give_up")
        hand_over(turn, "misunderstood")
        return
    turn.remember("misunderstandings", misses)
    turn.answer()
    turn.offer("request_human")


HANDLERS: dict[str, Callable[[Turn], None]] = {"affirm": affirm, "deny": deny, "report_unresolved": unresolved}
