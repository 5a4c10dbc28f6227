"""A borrower's story becomes a case, or joins the open one that it repeats or continues (product §4). Never commits.

Needs no loan books, so whoever has a session can take a story in.
"""

from __future__ import annotations

from collections.abc import Sequence

from bot.cases.book import CaseBook, Intake, told
from bot.cases.models import CaseRow
from bot.cases.repeats import relation
from bot.cases.thread import CLOCK_STOPS
from bot.cases.views import EventView, OpenedCase


class TakingIn:
    def __init__(self, book: CaseBook) -> None:
        self._book = book

    def take_in(self, intake: Intake) -> OpenedCase:
        """A new case, or the open one that this repeats or continues."""
        fingerprint = intake.fingerprint()
        earlier = self._book.earlier(intake.key, fingerprint)
        if earlier is not None:
            return OpenedCase(self._book.view(earlier[0]), merged=earlier[1] != "received")
        joined = self._join_open(intake, fingerprint)
        if joined is not None:
            return OpenedCase(self._book.view(joined), merged=True)
        return OpenedCase(self._book.view(self._book.open(intake, fingerprint=fingerprint)), merged=False)

    def _join_open(self, intake: Intake, fingerprint: str) -> CaseRow | None:
        """Adds the story to the open case of the same kind that it belongs to, if there is one.

        Words without content belong to the matter that this conversation is about, and to no other. Two tellings about the same
        kind of trouble (their leading issue) are one matter while the case is undecided, however different their words: a second
        harassing call by collection is a new fact of the first complaint (decided; product §4 merges repeats).
        """
        continued: CaseRow | None = None
        for case in self._open_cases(intake):
            thread = self._book.thread(case)
            related = relation(intake.story, told(thread), self._book.policy(case).repeats)
            same_talk = case.conversation_id == intake.conversation_id
            if related == "repeat" or (related == "nothing" and same_talk):
                self._book.join(case, intake, fingerprint, "merged")
                return case
            if related == "other" and _leads_with(intake.issues, thread):
                related = "new_facts"
            if related == "new_facts" and continued is None:
                continued = case
        if continued is not None:
            self._book.join_new_facts(continued, intake, fingerprint)
        return continued

    def _open_cases(self, intake: Intake) -> list[CaseRow]:
        """Undecided cases of the same kind and complainant, newest first, locked.

        Who is anonymous continues what they began in the same conversation under the same number. A number alone proves nothing:
        joining by it would tell anyone that its owner complained, and the number of that case.
        """
        repository = self._book.repository
        if intake.customer_id is not None:
            rows = repository.of_customer(intake.customer_id)
        else:
            phone = self._book.callback(intake)
            rows = repository.anonymous(intake.conversation_id, phone) if phone else []
        same_kind = [repository.by_id(row.id, lock=True) for row in rows if row.kind == intake.kind]
        return [row for row in same_kind if self._book.status(row) not in CLOCK_STOPS]


def _leads_with(issues: tuple[str, ...], thread: Sequence[EventView]) -> bool:
    """Whether the case was opened about the same leading issue."""
    return bool(issues) and list(issues[:1]) == list(thread[0].data.get("issues", ())[:1])
