"""Random histories of everything that can happen: the services and the independent books must agree to the 分."""

from __future__ import annotations

from datetime import date

from hypothesis import given, note
from hypothesis import strategies as st
from sqlalchemy.orm import Session

from tests.loans.histories.counting import histories
from tests.loans.histories.player import Event, Loan, Player, events, loans, savepoint, starts

drawn = st.lists(loans(6), min_size=1, max_size=2) | st.lists(loans(24), min_size=1, max_size=1)
history = st.lists(events, min_size=1, max_size=9)


def live(session: Session, start: date, drawn: list[Loan], history: list[Event], days_ahead: int) -> None:
    with savepoint(session):
        player = Player(session, start)
        try:
            for loan in drawn:
                player.draw(loan)
            for event in history:
                player.play(event)
            player.compare(days_ahead)
            if days_ahead % 5 == 0:  # it takes as long as the rest together; `compare` has added up every account by itself
                player.world.check()
        except BaseException:
            note("\n".join(player.log))
            raise


@histories("events through the services")
@given(start=starts, drawn=drawn, history=history, days_ahead=st.integers(0, 30))
def test_any_history_ends_as_the_independent_books_say(
    sqlite_session: Session, start: date, drawn: list[Loan], history: list[Event], days_ahead: int
) -> None:
    live(sqlite_session, start, drawn, history, days_ahead)


@histories("events through the services, PostgreSQL")
@given(start=starts, drawn=drawn, history=history, days_ahead=st.integers(0, 30))
def test_any_history_ends_so_on_postgresql_too(
    postgresql_session: Session, start: date, drawn: list[Loan], history: list[Event], days_ahead: int
) -> None:
    live(postgresql_session, start, drawn, history, days_ahead)
