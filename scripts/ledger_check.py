"""Proves that derived and stored balances of the configured database agree: ``make ledger-check``, nightly.

Exit status 0: everything agrees; 1: something does not, one line each on standard output, with the contract's number;
2: there are no books at ``DATABASE_URL``. The progress bar goes to standard error.
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from sqlalchemy import make_url
from tqdm import tqdm

from bot.core.database import Database
from bot.core.settings import Settings
from bot.loans.ledger_check import NoBooks, check_ledger, size


def main() -> int:
    url = Settings().database_url
    parsed = make_url(url)
    if parsed.get_backend_name() == "sqlite" and not Path(parsed.database or "").is_file():
        print(f"no loan books at {parsed!r}", file=sys.stderr)  # opening it would make an empty file
        return 2
    database = Database(url)
    try:
        with tqdm(total=size(database), desc="ledger", unit=" contracts and payments", file=sys.stderr) as bar:
            wrong = check_ledger(database, bar.update)
    except NoBooks as error:
        print(error, file=sys.stderr)
        return 2
    finally:
        database.dispose()
    for each in wrong:
        print(each)
    contracts = {each.contract_no for each in wrong if each.contract_no}
    print(f"{len(wrong)} balances disagree, in {len(contracts)} contracts" if wrong else "all balances agree with the ledger")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
