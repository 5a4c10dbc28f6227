"""Every action of domain.yml, and how they are wired."""

from __future__ import annotations

from rasa_sdk import Action
from rasa_sdk.executor import ActionExecutor

from actions.answer import AnswerAction, AskMeaning, RequestHuman
from actions.base import Services
from actions.complaint import AskPhone, AskStory, ComplaintForm, SubmitComplaint
from actions.early_repayment import AskEarlyAmount, EarlyRepaymentForm, SubmitEarlyRepayment
from actions.forms import FormNotUnderstood, ResumeForm
from actions.schedule import ScheduleForm, SubmitSchedule
from actions.schedule_questions import AskScheduleConfirm, AskScheduleContract, AskScheduleDate, AskStepUp

ACTIONS = (
    AnswerAction,
    AskMeaning,
    RequestHuman,
    ResumeForm,
    FormNotUnderstood,
    EarlyRepaymentForm,
    AskEarlyAmount,
    SubmitEarlyRepayment,
    ScheduleForm,
    AskScheduleContract,
    AskScheduleDate,
    AskScheduleConfirm,
    AskStepUp,
    SubmitSchedule,
    ComplaintForm,
    AskStory,
    AskPhone,
    SubmitComplaint,
)


def make_actions(services: Services) -> list[Action]:
    """Every action of domain.yml, wired to ``services``."""
    return [action(services) for action in ACTIONS]


def make_executor(services: Services) -> ActionExecutor:
    executor = ActionExecutor()
    for action in make_actions(services):
        executor.register_action(action)
    return executor
