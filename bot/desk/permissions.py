"""Who may do what with cases: the table that every command of the desk asks. The rule of two people is asked by the services."""

from __future__ import annotations

from typing import Literal, get_args

from bot.cases.thread import Actor, CaseKind, CaseStatus, EventType, admits
from bot.desk.errors import RoleNotAllowed
from bot.desk.login import AgentIdentity, Role

Command = Literal[
    "assign",
    "note",
    "ask_borrower",
    "investigate",
    "request_extension",
    "approve_extension",
    "refuse_extension",
    "propose_remedy",
    "approve_remedy",
    "reject_remedy",
    "decide",
    "close",
    "reopen",
    "correct_report",
    "join_customer",
    "attach",
]
Waiting = Literal["extension", "remedy"]
COMMANDS: tuple[Command, ...] = get_args(Command)

_ALL: frozenset[Role] = frozenset({"agent", "supervisor", "admin"})
_APPROVERS: frozenset[Role] = frozenset({"supervisor", "admin"})
_DECISIONS: frozenset[Command] = frozenset({"approve_extension", "refuse_extension", "approve_remedy", "reject_remedy"})
ROLES: dict[Command, frozenset[Role]] = {command: _APPROVERS if command in _DECISIONS else _ALL for command in COMMANDS}
"""The role × action matrix. An admin may do what a supervisor may, and approve beyond a supervisor's daily limit."""

_STEP: dict[Command, EventType] = {
    "ask_borrower": "asked_borrower",
    "investigate": "investigating",
    "request_extension": "extension_requested",
    "approve_extension": "extended",
    "refuse_extension": "extended",
    "propose_remedy": "proposed",
    "approve_remedy": "approved",
    "reject_remedy": "rejected",
    "decide": "decided",
    "close": "closed",
    "reopen": "reopened",
}
"""The event that a command adds, where the status decides whether it may."""


_NEEDS: dict[Command, Waiting] = {
    "approve_extension": "extension",
    "refuse_extension": "extension",
    "approve_remedy": "remedy",
    "reject_remedy": "remedy",
}


def require(agent: AgentIdentity, command: Command) -> None:
    """Raises ``RoleNotAllowed``."""
    if agent.role not in ROLES[command]:
        raise RoleNotAllowed("this role may not do that", roles=sorted(ROLES[command]))


def actor_of(agent: AgentIdentity) -> Actor:
    """As whom the agent acts on a case: an admin is a supervisor there."""
    return Actor("agent" if agent.role == "agent" else "supervisor", agent.agent_id)


def offered(
    agent: AgentIdentity, kind: CaseKind, status: CaseStatus, *, anonymous: bool, waiting: frozenset[Waiting]
) -> list[Command]:
    """What a page may offer this agent on a case of this status. The server asks again, and knows more (limits, two people).

    ``waiting``: what was put forward and waits for a second person.
    """
    found = []
    for command in COMMANDS:
        step = _STEP.get(command)
        fits = step is None or admits(status, step)
        if command == "correct_report":
            fits = kind == "credit_correction" and (admits(status, "decided") or status == "decided")
        elif command == "join_customer":
            fits = anonymous
        elif command == "decide":
            fits = fits and status != "proposed"
        elif command == "propose_remedy":
            fits = fits and "remedy" not in waiting
        elif command in _NEEDS:
            fits = fits and _NEEDS[command] in waiting
        if fits and agent.role in ROLES[command]:
            found.append(command)
    return found
