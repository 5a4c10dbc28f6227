"""For operators: is it alive, is it ready, how is it doing."""

from __future__ import annotations

import structlog
from fastapi import APIRouter, Response
from prometheus_client import CONTENT_TYPE_LATEST
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from bot.channels.schemas import Health, Readiness
from bot.conversations.handoff import HandoffService
from bot.conversations.runtime import CurrentRuntime, Runtime

log = structlog.get_logger(__name__)

router = APIRouter(tags=["operations"])


@router.get("/healthz", summary="The process is alive")
async def healthz() -> Health:
    return Health()


@router.get("/readyz", summary="Everything a turn needs answers", responses={503: {"model": Readiness}})
async def readyz(runtime: CurrentRuntime, response: Response) -> Readiness:
    parts = {"database": await _database_answers(runtime), **await runtime.rasa.health()}
    ready = all(parts.values())
    response.status_code = 200 if ready else 503
    return Readiness(status="ready" if ready else "not_ready", parts=parts)


@router.get("/metrics", summary="Prometheus", response_class=Response)
async def metrics(runtime: CurrentRuntime) -> Response:
    length = await runtime.gateway.transaction(lambda session: HandoffService(session, runtime.clock).queue_length())
    runtime.metrics.queue_length.set(length)
    return Response(runtime.metrics.render(), media_type=CONTENT_TYPE_LATEST)


async def _database_answers(runtime: Runtime) -> bool:
    try:
        await runtime.gateway.transaction(lambda session: session.execute(text("SELECT 1")))
    except SQLAlchemyError:
        log.exception("the database does not answer")
        return False
    return True
