"""The first admin of an installation: make admin ID=M1001 NAME=王敏. Prints the initial password, once.

Later the same call hands that admin a new password, if it was lost; whoever is logged in as them is not any more. Other accounts
are opened at the desk. Recorded in the audit trail. Exit status: 0; 1: refused; 2: a wrong call, or no database at
``DATABASE_URL``.
"""

from __future__ import annotations

import argparse
import getpass
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from pydantic import ValidationError
from sqlalchemy import inspect, make_url

from bot.app import load_texts
from bot.audit.service import audited
from bot.core.clock import SystemClock
from bot.core.database import Database
from bot.core.errors import CareError
from bot.core.origin import Actor
from bot.core.settings import Settings
from bot.desk.account_schemas import AccountRequest
from bot.desk.accounts import AccountService
from bot.desk.models import Agent
from bot.desk.passwords import HASHER, initial_password


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--id", required=True, help="capitals and digits, such as M1001")
    parser.add_argument("--name", required=True, help="as borrowers and colleagues read it")
    options = parser.parse_args(arguments)
    try:
        wanted = AccountRequest.model_validate({"agent_id": options.id, "name": options.name, "role": "admin"})
    except ValidationError as error:
        print("; ".join(f"{each['loc'][0]}: {each['msg']}" for each in error.errors()), file=sys.stderr)
        return 2
    settings = Settings()
    parsed = make_url(settings.database_url)
    if parsed.get_backend_name() == "sqlite" and not Path(parsed.database or "").is_file():
        print(f"no database at {parsed!r}", file=sys.stderr)  # opening it would make an empty file
        return 2
    database = audited(Database(settings.database_url), settings)
    try:
        if not inspect(database.engine).has_table(Agent.__tablename__):
            print(f"the database at {parsed!r} has no tables yet: python -m bot.migrations.run", file=sys.stderr)
            return 2
        password = initial_password()
        password_hash = HASHER.hash(password)
        with database.transaction() as session:
            operator = Actor("operator", getpass.getuser()[:64])
            service = AccountService(session, SystemClock(settings.business_date), load_texts(settings), operator)
            service.first_admin(wanted.agent_id, wanted.name, password_hash)
    except CareError as error:
        print(f"refused: {error.message} {error.details or ''}".rstrip(), file=sys.stderr)
        return 1
    finally:
        database.dispose()
    print(f"admin {wanted.agent_id}, initial password {password} (shown this once; the desk asks for another at the first login)")
    return 0


if __name__ == "__main__":
    sys.exit(main())
