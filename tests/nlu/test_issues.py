"""Long messages: cut into clauses, what each is surely about, and what 40 stories of our own come to with the trained model."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from bot.nlu import issues, keys
from bot.nlu.fallback import leading_issue
from bot.nlu.issues import Issue, StorySettings, find, pieces

HERE = Path(__file__).parent
STORIES = yaml.safe_load((HERE / "stories.yml").read_text(encoding="utf-8"))
TUNING = yaml.safe_load((HERE / "stories_for_tuning.yml").read_text(encoding="utf-8"))
CATALOGUE = yaml.safe_load((HERE.parents[1] / "data/catalogue/intents.yml").read_text(encoding="utf-8"))["intents"]
SETTINGS = StorySettings(story_from=10)
RECALL_AT_LEAST, PRECISION_AT_LEAST, WHOLE_AT_LEAST = 0.85, 0.80, 0.5


def test_clauses_and_pairs_of_neighbours_within_a_sentence():
    assert pieces("卡里明明有钱，就是没扣成。我自己又还了三次", StorySettings()) == [
        "卡里明明有钱",
        "就是没扣成",
        "我自己又还了三次",
        "卡里明明有钱，就是没扣成",
    ]


def test_a_run_without_marks_is_looked_at_through_a_window():
    clause = "".join(chr(0x4E00 + i) for i in range(45))
    found = pieces(clause, StorySettings())
    assert found[:2] == [clause[:18], clause[9:27]]
    assert {character for piece in found for character in piece} - {"，"} == set(clause)


def test_a_short_message_is_no_story():
    assert find("逾期利息退给我", lambda _: ("dispute_overdue_fee", 1.0), StorySettings()) == ()


def test_only_what_is_sure_and_listed_counts():
    answers = {"第一件事情啊": ("report_wrong_charge", 0.9), "第二件事情啊": ("ask_refund", 0.5), "第三件事情啊": ("greet", 1.0)}
    found = find("第一件事情啊。第二件事情啊。第三件事情啊", lambda text: answers[text], SETTINGS)
    assert found == (Issue("report_wrong_charge", 0.9, leads=True),)


def test_a_phrase_decides_where_the_classifier_does_not():
    found = find("说来话长了。还了三次都显示还款中。就是这样", lambda _: ("greet", 0.9), SETTINGS)
    assert [issue.name for issue in found] == ["report_repayment_failed"]


def test_issues_come_in_the_order_of_the_data_file():
    answers = {"甲甲甲甲甲甲": ("ask_refund", 0.9), "乙乙乙乙乙乙": ("report_fraud", 0.9)}
    found = find("甲甲甲甲甲甲。乙乙乙乙乙乙", lambda text: answers[text], SETTINGS)
    assert [issue.name for issue in found] == ["report_fraud", "ask_refund"]


@pytest.mark.parametrize(
    ("ranking", "told", "lead"),
    [
        ([{"name": "ask_bill"}], [{"name": "report_fraud", "leads": True}], None),
        (
            [{"name": "ask_bill"}],
            [{"name": "report_fraud", "leads": True}, {"name": "ask_refund", "leads": False}],
            "report_fraud",
        ),
        ([{"name": "ask_bill"}], [{"name": "ask_refund", "leads": False}, {"name": "manage_bank_card", "leads": False}], None),
        (
            [{"name": "request_human", "safety": True}],
            [{"name": "dispute_overdue_fee", "leads": True}, {"name": "ask_refund", "leads": False}],
            None,
        ),
        (
            [{"name": "verify_official_contact", "safety": True}],
            [{"name": "dispute_overdue_fee", "leads": True}, {"name": "verify_official_contact", "leads": False}],
            "dispute_overdue_fee",
        ),
    ],
)
def test_which_issue_leads(ranking, told, lead):
    assert leading_issue(ranking, told) == lead


def test_every_name_is_an_intent():
    names = {item["name"] for item in CATALOGUE}
    assert set(issues.rules().order) <= names
    for story in STORIES + TUNING:
        assert {*story["issues"], *story["may"]} <= set(issues.rules().order)


@pytest.fixture(scope="module")
def told(parse):
    """Story → the names of its issues."""
    results = parse(story["text"] for story in STORIES)
    return {text: {issue["name"] for issue in result[keys.ISSUES]} for text, result in results.items()}


def test_the_borrower_of_the_specification_is_heard_in_full(told):
    assert told[STORIES[0]["text"]] == {
        "report_auto_debit_failed",
        "report_repayment_failed",
        "manage_notifications",
        "verify_official_contact",
        "dispute_overdue_fee",
    }


def test_the_borrower_of_the_specification_gets_a_dispute(parse):
    result = parse([STORIES[0]["text"]])[STORIES[0]["text"]]
    assert (result["intent"]["name"], result["decision"]) == ("dispute_overdue_fee", "direct")


def test_what_stories_hold_is_found_and_little_else(told):
    right = missed = extra = whole = 0
    for story in STORIES:
        wanted, allowed, found = set(story["issues"]), {*story["issues"], *story["may"]}, told[story["text"]]
        right, missed, extra = right + len(found & wanted), missed + len(wanted - found), extra + len(found - allowed)
        whole += wanted <= found <= allowed
    recall, precision = right / (right + missed), right / (right + extra)
    figures = f"recall {recall:.2f}, precision {precision:.2f}, {whole} of {len(STORIES)} exactly"
    assert recall >= RECALL_AT_LEAST, figures
    assert precision >= PRECISION_AT_LEAST, figures
    assert whole >= WHOLE_AT_LEAST * len(STORIES), figures


@pytest.mark.parametrize("story", STORIES, ids=range(len(STORIES)))
def test_no_story_is_misheard_altogether(told, story):
    """At least half of what it holds is found; a plain question has at most one issue."""
    wanted, found = set(story["issues"]), told[story["text"]]
    if wanted:
        assert 2 * len(found & wanted) >= len(wanted)
    else:
        assert len(found) <= 1
