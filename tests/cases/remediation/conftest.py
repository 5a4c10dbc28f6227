from tests.loans.bulk.conftest import policy
from tests.loans.conftest import catalogue

__all__ = ["catalogue", "policy"]
