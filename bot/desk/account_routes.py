"""Accounts of the desk: admins manage them, everybody changes their own password."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Annotated, TypeVar

import structlog
from anyio import to_thread
from fastapi import APIRouter, Depends, Request
from sqlalchemy.orm import Session

from bot.conversations.runtime import BearerToken, CurrentRuntime, Runtime
from bot.core.http import ERRORS
from bot.desk.access import Admin, AnyAgent, session_id_of
from bot.desk.account_schemas import (
    AGENT_ID,
    AccountProfile,
    AccountRequest,
    Accounts,
    AccountView,
    AccountWithPassword,
    PasswordRequest,
)
from bot.desk.accounts import Account, AccountService, Profile
from bot.desk.errors import AccountNotFound
from bot.desk.login import AgentIdentity, Login
from bot.desk.passwords import HASHER, initial_password

log = structlog.get_logger(__name__)

T = TypeVar("T")

router = APIRouter(prefix="/desk/api", tags=["desk accounts"], responses=ERRORS)


async def known_shape(agent_id: str) -> str:
    """Whatever cannot be an id of ours is as unknown as one that is not there. Raises ``AccountNotFound``."""
    if re.fullmatch(AGENT_ID, agent_id) is None:
        raise AccountNotFound("no such account")
    return agent_id


AccountId = Annotated[str, Depends(known_shape)]


async def _accounts(runtime: Runtime, admin: AgentIdentity, work: Callable[[AccountService], T]) -> T:
    def in_transaction(session: Session) -> T:
        return work(AccountService(session, runtime.clock, runtime.texts, admin.actor))

    return await runtime.gateway.transaction(in_transaction)


async def _with_password(
    runtime: Runtime, admin: AgentIdentity, work: Callable[[AccountService, str], Account]
) -> AccountWithPassword:
    """Makes a password and hashes it, which is slow on purpose, outside the transaction."""
    password = initial_password()
    password_hash = await to_thread.run_sync(HASHER.hash, password, limiter=runtime.hashers)
    account = await _accounts(runtime, admin, lambda accounts: work(accounts, password_hash))
    return AccountWithPassword(account=_view(account), initial_password=password)


@router.get("/accounts", summary="Everybody who has an account at the desk")
async def list_accounts(agent: Admin, runtime: CurrentRuntime) -> Accounts:
    def read(accounts: AccountService) -> Accounts:
        return Accounts(
            accounts=[_view(each) for each in accounts.all()],
            skills=accounts.skills,
            default_max_conversations=accounts.default_max_conversations,
        )

    return await _accounts(runtime, agent, read)


@router.post("/accounts", status_code=201, summary="Open an account")
async def create(body: AccountRequest, agent: Admin, runtime: CurrentRuntime) -> AccountWithPassword:
    """409 `agent_id_taken`, 400 `unknown_skill`. The password is in this answer and nowhere else; its owner changes it first."""
    return await _with_password(
        runtime, agent, lambda accounts, password_hash: accounts.create(body.agent_id, _profile(body), password_hash)
    )


@router.put("/accounts/{agent_id}", summary="Change name, role, skills and cap")
async def change(agent_id: AccountId, body: AccountProfile, agent: Admin, runtime: CurrentRuntime) -> AccountView:
    """404 `account_not_found`, 409 `account_closed`, `last_admin`, 400 `unknown_skill`. Counts from their next request on."""
    return _view(await _accounts(runtime, agent, lambda accounts: accounts.change(agent_id, _profile(body))))


@router.post("/accounts/{agent_id}/reset-password", summary="Hand out a new password")
async def reset_password(agent_id: AccountId, agent: Admin, runtime: CurrentRuntime) -> AccountWithPassword:
    """404 `account_not_found`, 409 `account_closed`. Ends their sessions and tokens, and a lock after wrong passwords."""
    return await _with_password(runtime, agent, lambda accounts, password_hash: accounts.hand_out(agent_id, password_hash))


@router.post("/accounts/{agent_id}/close", summary="Close an account")
async def close(agent_id: AccountId, agent: Admin, runtime: CurrentRuntime) -> AccountView:
    """404 `account_not_found`, 409 `account_closed`, `last_admin`. Their sessions and tokens end, their conversations wait at the
    front of the queue; cases stay in their name until a supervisor assigns them.
    """
    account, requeued = await _accounts(runtime, agent, lambda accounts: accounts.close(agent_id))
    for conversation_id in requeued:
        runtime.gateway.grew(conversation_id)
    return _view(account)


@router.post("/accounts/{agent_id}/reopen", summary="Open a closed account again")
async def reopen(agent_id: AccountId, agent: Admin, runtime: CurrentRuntime) -> AccountWithPassword:
    """404 `account_not_found`, 409 `account_open`. With a new password; role, skills and cap are as they were."""
    return await _with_password(runtime, agent, lambda accounts, password_hash: accounts.reopen(agent_id, password_hash))


@router.post("/password", status_code=204, summary="Change my password")
async def change_password(
    body: PasswordRequest, agent: AnyAgent, token: BearerToken, runtime: CurrentRuntime, request: Request
) -> None:
    """400 `password_too_weak` (`details.least` characters), 403 `wrong_password`, 429 `login_locked` after repeated wrong ones.

    This session goes on, all others of the agent end.
    """
    session_id = session_id_of(request, token, runtime)
    changer = Login(runtime.database, runtime.clock, runtime.settings)

    def work() -> None:
        changer.change_password(agent.agent_id, body.present, body.new, session_id=session_id)

    await to_thread.run_sync(work, limiter=runtime.hashers)
    log.info("password changed", agent=agent.agent_id)


def _profile(body: AccountProfile) -> Profile:
    return Profile(body.name, body.role, tuple(sorted(set(body.skills))), body.max_conversations)


def _view(account: Account) -> AccountView:
    return AccountView(
        agent_id=account.agent_id,
        name=account.profile.name,
        role=account.profile.role,
        skills=list(account.profile.skills),
        max_conversations=account.profile.max_conversations,
        active=account.active,
        must_change_password=account.must_change_password,
        created_at=account.created_at,
        conversations=account.conversations,
        open_cases=account.open_cases,
    )
