"""Cards of the stable contract (docs/architecture.md): structured facts beside the text. Money is integer 分, dates ISO."""

from __future__ import annotations

from datetime import date

from actions.turn import Card
from bot.cases.views import payment_status_card
from bot.core.money import Fen
from bot.loans.port import PayoffQuote, RepaymentPreview, ScheduledRepayment, ScheduleWindow

payment_status = payment_status_card


def payoff_quote(quote: PayoffQuote) -> Card:
    return {
        "type": "payoff_quote",
        "as_of": quote.as_of.isoformat(),
        "valid_until": quote.valid_until.isoformat(),
        "contracts": [
            {
                "contract_no": line.contract_no,
                "product": line.product,
                "principal": line.principal,
                "interest": line.interest,
                "fee": line.fee,
                "penalty": line.penalty,
                "total": line.total,
            }
            for line in quote.contracts
        ],
        "total": quote.total,
    }


def repayment_preview(preview: RepaymentPreview) -> Card:
    return {
        "type": "repayment_preview",
        "amount": preview.amount,
        "allocation": [
            {
                "contract_no": line.contract_no,
                "instalment": line.instalment,
                "component": line.component,
                "amount": line.amount,
            }
            for line in preview.allocation
        ],
        "left_over": preview.left_over,
    }


def scheduled(repayment: ScheduledRepayment, status: str, opens_on: date | None = None) -> Card:
    """``status`` is ``created`` or ``cancelled``."""
    return {
        "type": "scheduled_repayment",
        "status": status,
        "reason": None,
        "contract_no": repayment.contract_no,
        "instalment": repayment.instalment,
        "amount": repayment.amount,
        "execute_on": repayment.execute_on.isoformat(),
        "posts_on": repayment.posts_on.isoformat(),
        "opens_on": opens_on.isoformat() if opens_on else None,
    }


def schedule_refused(window: ScheduleWindow, reason: str | None = None) -> Card:
    amount: Fen = window.amount
    return {
        "type": "scheduled_repayment",
        "status": "refused",
        "reason": reason or window.reason,
        "contract_no": window.contract_no,
        "instalment": window.instalment,
        "amount": amount,
        "execute_on": None,
        "posts_on": window.due_on.isoformat() if window.due_on else None,
        "opens_on": window.opens_on.isoformat() if window.opens_on else None,
    }
