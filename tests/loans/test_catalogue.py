"""The catalogue is refused as a whole when a product breaks a rule; every problem is named."""

from __future__ import annotations

import copy
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import yaml

from bot.core.settings import ROOT
from bot.loans.catalogue import Catalogue
from bot.loans.errors import CatalogueRefused, ProductNotFound

FILE = ROOT / "data" / "catalogue" / "products.yml"


@pytest.fixture
def raw() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load(FILE.read_text(encoding="utf-8"))
    return copy.deepcopy(loaded)


def test_the_four_products_of_the_lender_load_with_their_names() -> None:
    catalogue = Catalogue.load(FILE)
    assert {code: product.name for code, product in catalogue.products.items()} == {
        "KD": "随星借快贷",
        "YD": "随星借优贷",
        "XW": "随星借小微贷",
        "FQ": "小米分期",
    }
    assert (catalogue.product("FQ").min_term, catalogue.product("FQ").max_term) == (3, 24)
    assert all(product.penalty_daily_rate == Decimal("0.0005") for product in catalogue.products.values())
    assert all(product.all_in_cost <= Decimal("0.24") for product in catalogue.products.values())


def test_an_unknown_product_is_not_found() -> None:
    with pytest.raises(ProductNotFound):
        Catalogue.load(FILE).product("ZZ")


@pytest.mark.parametrize(
    ("place", "rate", "figure"),
    [
        (0, "0.0006", "24.47 %"),  # 1.0006^365 − 1
        (1, "0.22", "24.36 %"),  # (1 + 0.22 / 12)^12 − 1
        (2, "0.24", "26.82 %"),  # 1.02^12 − 1
    ],
)
def test_a_product_dearer_than_24_percent_all_in_is_refused_with_the_figure(
    raw: dict[str, Any], place: int, rate: str, figure: str
) -> None:
    raw["products"][place]["max_rate"] = rate
    with pytest.raises(CatalogueRefused) as refused:
        Catalogue.parse(raw)
    assert raw["products"][place]["code"] in refused.value.message
    assert figure in refused.value.message


def test_a_fee_per_period_counts_as_cost(raw: dict[str, Any]) -> None:
    raw["products"][3]["max_rate"] = "0.011"
    with pytest.raises(CatalogueRefused, match=r"FQ.*all-in annual cost"):
        Catalogue.parse(raw)


def test_a_year_of_penalty_may_not_exceed_the_ceiling_either(raw: dict[str, Any]) -> None:
    raw["products"][1]["penalty_daily_rate"] = "0.0007"  # × 365 = 25.55 %
    with pytest.raises(CatalogueRefused, match=r"YD.*25\.55 %"):
        Catalogue.parse(raw)


def test_all_problems_are_reported_at_once(raw: dict[str, Any]) -> None:
    raw["products"][0]["max_rate"] = 0.0004  # a bare number: YAML made it a float
    raw["products"][1]["max_term"] = 48
    raw["products"][2]["name"] = " "
    raw["products"][3]["code"] = "KX"
    with pytest.raises(CatalogueRefused) as refused:
        Catalogue.parse(raw)
    for word in ("quoted decimal", "48", "`name` is missing", "'KX'"):
        assert word in refused.value.message


@pytest.mark.parametrize("wrong", [None, [], {"products": []}, {"products": ["KD"]}])
def test_a_file_of_another_shape_is_refused(wrong: Any) -> None:
    with pytest.raises(CatalogueRefused):
        Catalogue.parse(wrong)


def test_a_product_listed_twice_is_refused(raw: dict[str, Any]) -> None:
    raw["products"].append(raw["products"][0])
    with pytest.raises(CatalogueRefused, match="KD: listed twice"):
        Catalogue.parse(raw)


def test_equal_principal_may_be_a_products_method_and_is_checked_like_the_others(raw: dict[str, Any]) -> None:
    raw["products"][1]["method"] = "equal_principal"
    assert Catalogue.parse(raw).product("YD").all_in_cost < Decimal("0.1957")
    raw["products"][1]["max_rate"] = "0.22"
    with pytest.raises(CatalogueRefused, match=r"YD.*all-in annual cost 24\.36 %"):
        Catalogue.parse(raw)


@pytest.mark.parametrize(("place", "method"), [(0, "interest_only"), (1, "by_day")])
def test_interest_by_the_day_belongs_to_one_product(raw: dict[str, Any], place: int, method: str) -> None:
    raw["products"][place]["method"] = method
    with pytest.raises(CatalogueRefused, match="by_day belongs to KD"):
        Catalogue.parse(raw)


def test_a_missing_file_is_not_hidden(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        Catalogue.load(tmp_path / "none.yml")
