# ruff: noqa: E501, PLR0915 (a long list of tables, in the form that Alembic writes)
"""loans: customers, contracts, ledger, payments, evidence"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from bot.core.database import ExactDecimal, Instant

revision = "0001_loans"
down_revision = None
branch_labels = None
depends_on = None


TABLES = (
    "customers",
    "incidents",
    "loan_idempotency_keys",
    "products",
    "applications",
    "contracts",
    "credit_authorisations",
    "credit_line_changes",
    "credit_lines",
    "mandates",
    "payments",
    "credit_inquiries",
    "disbursements",
    "instalments",
    "ledger_transactions",
    "refunds",
    "accrual_holds",
    "debit_attempts",
    "ledger_entries",
    "notices",
    "payment_targets",
    "receipts",
    "scheduled_repayments",
)
APPEND_ONLY = ("ledger_transactions", "ledger_entries", "receipts")


def make_append_only(table: str) -> None:
    """Triggers that refuse any change of a written row: a correction is a new, reversing posting."""
    if op.get_bind().dialect.name == "sqlite":
        for verb in ("UPDATE", "DELETE"):
            op.execute(
                f"CREATE TRIGGER {table}_no_{verb.lower()} BEFORE {verb} ON {table} "
                f"BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END"
            )
        return
    op.execute(
        "CREATE OR REPLACE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
        "RAISE EXCEPTION USING MESSAGE = TG_TABLE_NAME || ' is append-only', ERRCODE = 'integrity_constraint_violation'; "
        "END $$"
    )
    op.execute(
        f"CREATE TRIGGER {table}_no_change BEFORE UPDATE OR DELETE OR TRUNCATE ON {table} "
        "FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
    )


def upgrade() -> None:
    op.create_table(
        "customers",
        sa.Column("customer_id", sa.String(length=20), nullable=False),
        sa.Column("name", sa.String(length=80), nullable=False),
        sa.Column("phone", sa.String(length=20), nullable=False),
        sa.Column("bank_name", sa.String(length=80), nullable=False),
        sa.Column("card_tail", sa.String(length=4), nullable=False),
        sa.Column("registered_at", Instant(), nullable=False),
        sa.PrimaryKeyConstraint("customer_id", name=op.f("pk_customers")),
        sa.UniqueConstraint("phone", name=op.f("uq_customers_phone")),
    )
    op.create_table(
        "incidents",
        sa.Column("incident_no", sa.String(length=40), nullable=False),
        sa.Column("channel", sa.String(length=32), nullable=False),
        sa.Column("status", sa.String(length=32), nullable=False),
        sa.Column("starts_at", Instant(), nullable=False),
        sa.Column("ends_at", Instant(), nullable=True),
        sa.Column("confirmed_by", sa.String(length=32), nullable=True),
        sa.Column("bank_name", sa.String(length=80), nullable=True),
        sa.Column("summary", sa.Text(), nullable=False),
        sa.CheckConstraint("(status = 'confirmed') = (confirmed_by IS NOT NULL)", name=op.f("ck_incidents_confirmed_by")),
        sa.CheckConstraint("channel IN ('auto_debit', 'own_repayment', 'all')", name=op.f("ck_incidents_channel")),
        sa.CheckConstraint("status IN ('suspected', 'confirmed')", name=op.f("ck_incidents_status")),
        sa.CheckConstraint("ends_at IS NULL OR ends_at >= starts_at", name=op.f("ck_incidents_dates")),
        sa.PrimaryKeyConstraint("incident_no", name=op.f("pk_incidents")),
    )
    op.create_table(
        "loan_idempotency_keys",
        sa.Column("key", sa.String(length=200), nullable=False),
        sa.Column("operation", sa.String(length=32), nullable=False),
        sa.Column("parameters", sa.JSON(), nullable=False),
        sa.Column("result", sa.String(length=80), nullable=False),
        sa.Column("created_at", Instant(), nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_loan_idempotency_keys")),
    )
    op.create_table(
        "products",
        sa.Column("code", sa.String(length=2), nullable=False),
        sa.Column("name", sa.String(length=80), nullable=False),
        sa.Column("category", sa.String(length=32), nullable=False),
        sa.Column("method", sa.String(length=32), nullable=False),
        sa.Column("min_term", sa.Integer(), nullable=False),
        sa.Column("max_term", sa.Integer(), nullable=False),
        sa.Column("max_rate", ExactDecimal(), nullable=False),
        sa.Column("penalty_daily_rate", ExactDecimal(), nullable=False),
        sa.Column("all_in_cost", ExactDecimal(), nullable=False),
        sa.CheckConstraint("category IN ('cash', 'instalment')", name=op.f("ck_products_category")),
        sa.CheckConstraint("code IN ('KD', 'YD', 'XW', 'FQ')", name=op.f("ck_products_code")),
        sa.CheckConstraint(
            "method IN ('by_day', 'equal_instalments', 'interest_only', 'fee_per_period')", name=op.f("ck_products_method")
        ),
        sa.CheckConstraint("1 <= min_term AND min_term <= max_term", name=op.f("ck_products_terms")),
        sa.PrimaryKeyConstraint("code", name=op.f("pk_products")),
    )
    op.create_table(
        "applications",
        sa.Column("application_no", sa.String(length=40), nullable=False),
        sa.Column("customer_id", sa.String(length=20), nullable=False),
        sa.Column("product_code", sa.String(length=2), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("applied_at", Instant(), nullable=False),
        sa.Column("status", sa.String(length=32), nullable=False),
        sa.Column("decided_at", Instant(), nullable=True),
        sa.Column("refusal_reason", sa.String(length=32), nullable=True),
        sa.Column("retry_on", sa.Date(), nullable=True),
        sa.CheckConstraint("(status = 'pending') = (decided_at IS NULL)", name=op.f("ck_applications_decided_unless_pending")),
        sa.CheckConstraint(
            "(status = 'refused') = (refusal_reason IS NOT NULL)", name=op.f("ck_applications_refusal_reason_when_refused")
        ),
        sa.CheckConstraint("retry_on IS NULL OR status = 'refused'", name=op.f("ck_applications_retry_only_when_refused")),
        sa.CheckConstraint("status IN ('pending', 'approved', 'refused', 'cancelled')", name=op.f("ck_applications_status")),
        sa.CheckConstraint("amount >= 1", name=op.f("ck_applications_amount_at_least_1")),
        sa.ForeignKeyConstraint(["customer_id"], ["customers.customer_id"], name=op.f("fk_applications_customer_id_customers")),
        sa.ForeignKeyConstraint(["product_code"], ["products.code"], name=op.f("fk_applications_product_code_products")),
        sa.PrimaryKeyConstraint("application_no", name=op.f("pk_applications")),
    )
    with op.batch_alter_table("applications", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_applications_customer_id"), ["customer_id"], unique=False)

    op.create_table(
        "contracts",
        sa.Column("contract_no", sa.String(length=40), nullable=False),
        sa.Column("customer_id", sa.String(length=20), nullable=False),
        sa.Column("product_code", sa.String(length=2), nullable=False),
        sa.Column("principal", sa.BigInteger(), nullable=False),
        sa.Column("drawn_on", sa.Date(), nullable=False),
        sa.Column("due_day", sa.Integer(), nullable=False),
        sa.Column("periods", sa.Integer(), nullable=False),
        sa.Column("rate", ExactDecimal(), nullable=False),
        sa.Column("penalty_daily_rate", ExactDecimal(), nullable=False),
        sa.Column("settled_on", sa.Date(), nullable=True),
        sa.CheckConstraint("due_day BETWEEN 1 AND 31", name=op.f("ck_contracts_due_day")),
        sa.CheckConstraint("periods BETWEEN 1 AND 36", name=op.f("ck_contracts_periods")),
        sa.CheckConstraint("principal >= 1", name=op.f("ck_contracts_principal_at_least_1")),
        sa.ForeignKeyConstraint(["customer_id"], ["customers.customer_id"], name=op.f("fk_contracts_customer_id_customers")),
        sa.ForeignKeyConstraint(["product_code"], ["products.code"], name=op.f("fk_contracts_product_code_products")),
        sa.PrimaryKeyConstraint("contract_no", name=op.f("pk_contracts")),
    )
    with op.batch_alter_table("contracts", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_contracts_customer_id"), ["customer_id"], unique=False)

    op.create_table(
        "credit_authorisations",
        sa.Column("authorisation_no", sa.String(length=40), nullable=False),
        sa.Column("customer_id", sa.String(length=20), nullable=False),
        sa.Column("funding_party", sa.String(length=80), nullable=False),
        sa.Column("given_at", Instant(), nullable=False),
        sa.Column("revoked_at", Instant(), nullable=True),
        sa.ForeignKeyConstraint(
            ["customer_id"], ["customers.customer_id"], name=op.f("fk_credit_authorisations_customer_id_customers")
        ),
        sa.PrimaryKeyConstraint("authorisation_no", name=op.f("pk_credit_authorisations")),
    )
    with op.batch_alter_table("credit_authorisations", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_credit_authorisations_customer_id"), ["customer_id"], unique=False)

    op.create_table(
        "credit_line_changes",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("customer_id", sa.String(length=20), nullable=False),
        sa.Column("at", Instant(), nullable=False),
        sa.Column("old_limit", sa.BigInteger(), nullable=False),
        sa.Column("new_limit", sa.BigInteger(), nullable=False),
        sa.Column("status", sa.String(length=32), nullable=False),
        sa.Column("reason", sa.String(length=32), nullable=False),
        sa.CheckConstraint("status IN ('normal', 'frozen', 'reduced')", name=op.f("ck_credit_line_changes_status")),
        sa.CheckConstraint("new_limit >= 0", name=op.f("ck_credit_line_changes_new_limit_at_least_0")),
        sa.CheckConstraint("old_limit >= 0", name=op.f("ck_credit_line_changes_old_limit_at_least_0")),
        sa.ForeignKeyConstraint(
            ["customer_id"], ["customers.customer_id"], name=op.f("fk_credit_line_changes_customer_id_customers")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_credit_line_changes")),
    )
    with op.batch_alter_table("credit_line_changes", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_credit_line_changes_customer_id"), ["customer_id"], unique=False)

    op.create_table(
        "credit_lines",
        sa.Column("customer_id", sa.String(length=20), nullable=False),
        sa.Column("limit_amount", sa.BigInteger(), nullable=False),
        sa.Column("status", sa.String(length=32), nullable=False),
        sa.Column("reason", sa.String(length=32), nullable=False),
        sa.CheckConstraint("status IN ('normal', 'frozen', 'reduced')", name=op.f("ck_credit_lines_status")),
        sa.CheckConstraint("limit_amount >= 0", name=op.f("ck_credit_lines_limit_amount_at_least_0")),
        sa.ForeignKeyConstraint(["customer_id"], ["customers.customer_id"], name=op.f("fk_credit_lines_customer_id_customers")),
        sa.PrimaryKeyConstraint("customer_id", name=op.f("pk_credit_lines")),
    )
    op.create_table(
        "mandates",
        sa.Column("mandate_no", sa.String(length=40), nullable=False),
        sa.Column("customer_id", sa.String(length=20), nullable=False),
        sa.Column("bank_name", sa.String(length=80), nullable=False),
        sa.Column("card_tail", sa.String(length=4), nullable=False),
        sa.Column("signed_at", Instant(), nullable=False),
        sa.Column("revoked_at", Instant(), nullable=True),
        sa.ForeignKeyConstraint(["customer_id"], ["customers.customer_id"], name=op.f("fk_mandates_customer_id_customers")),
        sa.PrimaryKeyConstraint("mandate_no", name=op.f("pk_mandates")),
    )
    with op.batch_alter_table("mandates", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_mandates_customer_id"), ["customer_id"], unique=False)
        batch_op.create_index(
            "uq_mandates_active",
            ["customer_id"],
            unique=True,
            sqlite_where=sa.text("revoked_at IS NULL"),
            postgresql_where=sa.text("revoked_at IS NULL"),
        )

    op.create_table(
        "payments",
        sa.Column("payment_no", sa.String(length=40), nullable=False),
        sa.Column("customer_id", sa.String(length=20), nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("status", sa.String(length=32), nullable=False),
        sa.Column("created_at", Instant(), nullable=False),
        sa.Column("value_on", sa.Date(), nullable=False),
        sa.Column("resolved_at", Instant(), nullable=True),
        sa.Column("informed_at", Instant(), nullable=True),
        sa.Column("result_code", sa.String(length=32), nullable=True),
        sa.Column("applied", sa.BigInteger(), nullable=False),
        sa.Column("refunded", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("(status IN ('created', 'processing')) = (resolved_at IS NULL)", name=op.f("ck_payments_resolved")),
        sa.CheckConstraint("kind IN ('own', 'auto_debit', 'scheduled')", name=op.f("ck_payments_kind")),
        sa.CheckConstraint(
            "status IN ('created', 'processing', 'settled', 'failed', 'returned')", name=op.f("ck_payments_status")
        ),
        sa.CheckConstraint("amount >= 1", name=op.f("ck_payments_amount_at_least_1")),
        sa.CheckConstraint("applied >= 0 AND refunded >= 0 AND applied + refunded <= amount", name=op.f("ck_payments_use")),
        sa.ForeignKeyConstraint(["customer_id"], ["customers.customer_id"], name=op.f("fk_payments_customer_id_customers")),
        sa.PrimaryKeyConstraint("payment_no", name=op.f("pk_payments")),
    )
    with op.batch_alter_table("payments", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_payments_customer_id"), ["customer_id"], unique=False)

    op.create_table(
        "credit_inquiries",
        sa.Column("inquiry_no", sa.String(length=40), nullable=False),
        sa.Column("customer_id", sa.String(length=20), nullable=False),
        sa.Column("authorisation_no", sa.String(length=40), nullable=False),
        sa.Column("purpose", sa.String(length=32), nullable=False),
        sa.Column("made_at", Instant(), nullable=False),
        sa.ForeignKeyConstraint(
            ["authorisation_no"],
            ["credit_authorisations.authorisation_no"],
            name=op.f("fk_credit_inquiries_authorisation_no_credit_authorisations"),
        ),
        sa.ForeignKeyConstraint(
            ["customer_id"], ["customers.customer_id"], name=op.f("fk_credit_inquiries_customer_id_customers")
        ),
        sa.PrimaryKeyConstraint("inquiry_no", name=op.f("pk_credit_inquiries")),
    )
    with op.batch_alter_table("credit_inquiries", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_credit_inquiries_customer_id"), ["customer_id"], unique=False)

    op.create_table(
        "disbursements",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("contract_no", sa.String(length=40), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("requested_at", Instant(), nullable=False),
        sa.Column("paid_at", Instant(), nullable=True),
        sa.Column("status", sa.String(length=32), nullable=False),
        sa.Column("payee", sa.String(length=80), nullable=False),
        sa.CheckConstraint("status IN ('processing', 'paid', 'failed')", name=op.f("ck_disbursements_status")),
        sa.CheckConstraint("amount >= 1", name=op.f("ck_disbursements_amount_at_least_1")),
        sa.ForeignKeyConstraint(["contract_no"], ["contracts.contract_no"], name=op.f("fk_disbursements_contract_no_contracts")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_disbursements")),
    )
    with op.batch_alter_table("disbursements", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_disbursements_contract_no"), ["contract_no"], unique=False)

    op.create_table(
        "instalments",
        sa.Column("contract_no", sa.String(length=40), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("starts_on", sa.Date(), nullable=False),
        sa.Column("due_on", sa.Date(), nullable=False),
        sa.Column("principal", sa.BigInteger(), nullable=False),
        sa.Column("interest", sa.BigInteger(), nullable=False),
        sa.Column("fee", sa.BigInteger(), nullable=False),
        sa.Column("paid_principal", sa.BigInteger(), nullable=False),
        sa.Column("paid_interest", sa.BigInteger(), nullable=False),
        sa.Column("paid_fee", sa.BigInteger(), nullable=False),
        sa.Column("paid_penalty", sa.BigInteger(), nullable=False),
        sa.Column("waived_penalty", sa.BigInteger(), nullable=False),
        sa.Column("settled_on", sa.Date(), nullable=True),
        sa.CheckConstraint("number >= 1", name=op.f("ck_instalments_number_at_least_1")),
        sa.CheckConstraint("paid_fee BETWEEN 0 AND fee", name=op.f("ck_instalments_paid_fee")),
        sa.CheckConstraint("paid_interest BETWEEN 0 AND interest", name=op.f("ck_instalments_paid_interest")),
        sa.CheckConstraint("paid_penalty >= 0 AND waived_penalty >= 0", name=op.f("ck_instalments_penalty")),
        sa.CheckConstraint("paid_principal BETWEEN 0 AND principal", name=op.f("ck_instalments_paid_principal")),
        sa.CheckConstraint("principal >= 0 AND interest >= 0 AND fee >= 0", name=op.f("ck_instalments_plan")),
        sa.CheckConstraint("starts_on < due_on", name=op.f("ck_instalments_dates")),
        sa.ForeignKeyConstraint(["contract_no"], ["contracts.contract_no"], name=op.f("fk_instalments_contract_no_contracts")),
        sa.PrimaryKeyConstraint("contract_no", "number", name=op.f("pk_instalments")),
    )
    with op.batch_alter_table("instalments", schema=None) as batch_op:
        batch_op.create_index(
            "ix_instalments_unsettled_due_on",
            ["due_on"],
            unique=False,
            sqlite_where=sa.text("settled_on IS NULL"),
            postgresql_where=sa.text("settled_on IS NULL"),
        )

    op.create_table(
        "ledger_transactions",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("customer_id", sa.String(length=20), nullable=False),
        sa.Column("value_on", sa.Date(), nullable=False),
        sa.Column("posted_at", Instant(), nullable=False),
        sa.Column("payment_no", sa.String(length=40), nullable=True),
        sa.Column("reverses", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.CheckConstraint(
            "kind IN ('drawdown', 'receipt', 'allocation', 'waiver', 'refund_owed', 'refund_paid', 'reversal')",
            name=op.f("ck_ledger_transactions_kind"),
        ),
        sa.ForeignKeyConstraint(
            ["customer_id"], ["customers.customer_id"], name=op.f("fk_ledger_transactions_customer_id_customers")
        ),
        sa.ForeignKeyConstraint(["payment_no"], ["payments.payment_no"], name=op.f("fk_ledger_transactions_payment_no_payments")),
        sa.ForeignKeyConstraint(
            ["reverses"], ["ledger_transactions.id"], name=op.f("fk_ledger_transactions_reverses_ledger_transactions")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ledger_transactions")),
        sa.UniqueConstraint("reverses", name=op.f("uq_ledger_transactions_reverses")),
    )
    with op.batch_alter_table("ledger_transactions", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_ledger_transactions_customer_id"), ["customer_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_ledger_transactions_payment_no"), ["payment_no"], unique=False)

    op.create_table(
        "refunds",
        sa.Column("refund_no", sa.String(length=40), nullable=False),
        sa.Column("customer_id", sa.String(length=20), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("reason", sa.String(length=32), nullable=False),
        sa.Column("payment_no", sa.String(length=40), nullable=True),
        sa.Column("status", sa.String(length=32), nullable=False),
        sa.Column("created_at", Instant(), nullable=False),
        sa.Column("paid_at", Instant(), nullable=True),
        sa.CheckConstraint("(status = 'paid') = (paid_at IS NOT NULL)", name=op.f("ck_refunds_paid_at")),
        sa.CheckConstraint("reason IN ('left_over', 'double_debit', 'penalty', 'overcharge')", name=op.f("ck_refunds_reason")),
        sa.CheckConstraint("status IN ('pending', 'paid')", name=op.f("ck_refunds_status")),
        sa.CheckConstraint("amount >= 1", name=op.f("ck_refunds_amount_at_least_1")),
        sa.ForeignKeyConstraint(["customer_id"], ["customers.customer_id"], name=op.f("fk_refunds_customer_id_customers")),
        sa.ForeignKeyConstraint(["payment_no"], ["payments.payment_no"], name=op.f("fk_refunds_payment_no_payments")),
        sa.PrimaryKeyConstraint("refund_no", name=op.f("pk_refunds")),
    )
    with op.batch_alter_table("refunds", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_refunds_customer_id"), ["customer_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_refunds_payment_no"), ["payment_no"], unique=False)

    op.create_table(
        "accrual_holds",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("contract_no", sa.String(length=40), nullable=False),
        sa.Column("instalment", sa.Integer(), nullable=False),
        sa.Column("reason", sa.String(length=80), nullable=False),
        sa.Column("held_on", sa.Date(), nullable=False),
        sa.Column("released_on", sa.Date(), nullable=True),
        sa.CheckConstraint("released_on IS NULL OR released_on >= held_on", name=op.f("ck_accrual_holds_dates")),
        sa.ForeignKeyConstraint(
            ["contract_no", "instalment"],
            ["instalments.contract_no", "instalments.number"],
            name=op.f("fk_accrual_holds_contract_no_instalment_instalments"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_accrual_holds")),
    )
    with op.batch_alter_table("accrual_holds", schema=None) as batch_op:
        batch_op.create_index(
            "uq_accrual_holds_open",
            ["contract_no", "instalment"],
            unique=True,
            sqlite_where=sa.text("released_on IS NULL"),
            postgresql_where=sa.text("released_on IS NULL"),
        )

    op.create_table(
        "debit_attempts",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("mandate_no", sa.String(length=40), nullable=False),
        sa.Column("customer_id", sa.String(length=20), nullable=False),
        sa.Column("contract_no", sa.String(length=40), nullable=False),
        sa.Column("instalment", sa.Integer(), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("attempted_at", Instant(), nullable=False),
        sa.Column("result_code", sa.String(length=32), nullable=False),
        sa.Column("side", sa.String(length=32), nullable=False),
        sa.Column("payment_no", sa.String(length=40), nullable=True),
        sa.CheckConstraint("(side = 'none') = (payment_no IS NOT NULL)", name=op.f("ck_debit_attempts_payment_when_taken")),
        sa.CheckConstraint("side IN ('none', 'borrower', 'system')", name=op.f("ck_debit_attempts_side")),
        sa.CheckConstraint("amount >= 1", name=op.f("ck_debit_attempts_amount_at_least_1")),
        sa.ForeignKeyConstraint(
            ["contract_no", "instalment"],
            ["instalments.contract_no", "instalments.number"],
            name=op.f("fk_debit_attempts_contract_no_instalment_instalments"),
        ),
        sa.ForeignKeyConstraint(["customer_id"], ["customers.customer_id"], name=op.f("fk_debit_attempts_customer_id_customers")),
        sa.ForeignKeyConstraint(["mandate_no"], ["mandates.mandate_no"], name=op.f("fk_debit_attempts_mandate_no_mandates")),
        sa.ForeignKeyConstraint(["payment_no"], ["payments.payment_no"], name=op.f("fk_debit_attempts_payment_no_payments")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_debit_attempts")),
        sa.UniqueConstraint("payment_no", name=op.f("uq_debit_attempts_payment_no")),
    )
    with op.batch_alter_table("debit_attempts", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_debit_attempts_customer_id"), ["customer_id"], unique=False)
        batch_op.create_index("ix_debit_attempts_instalment", ["contract_no", "instalment"], unique=False)

    op.create_table(
        "ledger_entries",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("transaction_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("debit", sa.String(length=32), nullable=False),
        sa.Column("credit", sa.String(length=32), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("contract_no", sa.String(length=40), nullable=True),
        sa.Column("instalment", sa.Integer(), nullable=True),
        sa.CheckConstraint(
            "credit IN ('bank', 'principal', 'interest_income', 'fee_income', 'penalty_income', 'waiver_expense', 'unapplied', 'refund_payable')",
            name=op.f("ck_ledger_entries_credit"),
        ),
        sa.CheckConstraint(
            "debit IN ('bank', 'principal', 'interest_income', 'fee_income', 'penalty_income', 'waiver_expense', 'unapplied', 'refund_payable')",
            name=op.f("ck_ledger_entries_debit"),
        ),
        sa.CheckConstraint("(contract_no IS NULL) = (instalment IS NULL)", name=op.f("ck_ledger_entries_whole_reference")),
        sa.CheckConstraint("amount >= 1", name=op.f("ck_ledger_entries_amount_at_least_1")),
        sa.CheckConstraint("debit <> credit", name=op.f("ck_ledger_entries_two_accounts")),
        sa.ForeignKeyConstraint(
            ["contract_no", "instalment"],
            ["instalments.contract_no", "instalments.number"],
            name=op.f("fk_ledger_entries_contract_no_instalment_instalments"),
        ),
        sa.ForeignKeyConstraint(
            ["transaction_id"], ["ledger_transactions.id"], name=op.f("fk_ledger_entries_transaction_id_ledger_transactions")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ledger_entries")),
    )
    with op.batch_alter_table("ledger_entries", schema=None) as batch_op:
        batch_op.create_index("ix_ledger_entries_instalment", ["contract_no", "instalment"], unique=False)
        batch_op.create_index(batch_op.f("ix_ledger_entries_transaction_id"), ["transaction_id"], unique=False)

    op.create_table(
        "notices",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("customer_id", sa.String(length=20), nullable=False),
        sa.Column("contract_no", sa.String(length=40), nullable=False),
        sa.Column("instalment", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("channel", sa.String(length=32), nullable=False),
        sa.Column("sent_at", Instant(), nullable=False),
        sa.Column("delivery", sa.String(length=32), nullable=False),
        sa.Column("delivered_at", Instant(), nullable=True),
        sa.CheckConstraint("(delivery = 'delivered') = (delivered_at IS NOT NULL)", name=op.f("ck_notices_delivered_at")),
        sa.CheckConstraint("channel IN ('sms', 'push', 'call')", name=op.f("ck_notices_channel")),
        sa.CheckConstraint("delivery IN ('pending', 'delivered', 'failed')", name=op.f("ck_notices_delivery")),
        sa.CheckConstraint("kind IN ('due_reminder', 'overdue', 'debit_failed')", name=op.f("ck_notices_kind")),
        sa.ForeignKeyConstraint(
            ["contract_no", "instalment"],
            ["instalments.contract_no", "instalments.number"],
            name=op.f("fk_notices_contract_no_instalment_instalments"),
        ),
        sa.ForeignKeyConstraint(["customer_id"], ["customers.customer_id"], name=op.f("fk_notices_customer_id_customers")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_notices")),
    )
    with op.batch_alter_table("notices", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_notices_customer_id"), ["customer_id"], unique=False)
        batch_op.create_index("ix_notices_instalment", ["contract_no", "instalment"], unique=False)

    op.create_table(
        "payment_targets",
        sa.Column("payment_no", sa.String(length=40), nullable=False),
        sa.Column("contract_no", sa.String(length=40), nullable=False),
        sa.Column("instalment", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["contract_no", "instalment"],
            ["instalments.contract_no", "instalments.number"],
            name=op.f("fk_payment_targets_contract_no_instalment_instalments"),
        ),
        sa.ForeignKeyConstraint(["payment_no"], ["payments.payment_no"], name=op.f("fk_payment_targets_payment_no_payments")),
        sa.PrimaryKeyConstraint("payment_no", "contract_no", "instalment", name=op.f("pk_payment_targets")),
    )
    with op.batch_alter_table("payment_targets", schema=None) as batch_op:
        batch_op.create_index("ix_payment_targets_instalment", ["contract_no", "instalment"], unique=False)

    op.create_table(
        "receipts",
        sa.Column("receipt_no", sa.String(length=40), nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("customer_id", sa.String(length=20), nullable=False),
        sa.Column("contract_no", sa.String(length=40), nullable=True),
        sa.Column("instalment", sa.Integer(), nullable=True),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("reason", sa.String(length=80), nullable=False),
        sa.Column("at", Instant(), nullable=False),
        sa.Column("refund_no", sa.String(length=40), nullable=True),
        sa.CheckConstraint("kind IN ('waiver', 'refund')", name=op.f("ck_receipts_kind")),
        sa.CheckConstraint("amount >= 1", name=op.f("ck_receipts_amount_at_least_1")),
        sa.ForeignKeyConstraint(["contract_no"], ["contracts.contract_no"], name=op.f("fk_receipts_contract_no_contracts")),
        sa.ForeignKeyConstraint(["customer_id"], ["customers.customer_id"], name=op.f("fk_receipts_customer_id_customers")),
        sa.ForeignKeyConstraint(["refund_no"], ["refunds.refund_no"], name=op.f("fk_receipts_refund_no_refunds")),
        sa.PrimaryKeyConstraint("receipt_no", name=op.f("pk_receipts")),
    )
    with op.batch_alter_table("receipts", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_receipts_customer_id"), ["customer_id"], unique=False)

    op.create_table(
        "scheduled_repayments",
        sa.Column("scheduled_no", sa.String(length=40), nullable=False),
        sa.Column("customer_id", sa.String(length=20), nullable=False),
        sa.Column("contract_no", sa.String(length=40), nullable=False),
        sa.Column("instalment", sa.Integer(), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("execute_on", sa.Date(), nullable=False),
        sa.Column("posts_on", sa.Date(), nullable=False),
        sa.Column("status", sa.String(length=32), nullable=False),
        sa.Column("created_at", Instant(), nullable=False),
        sa.Column("payment_no", sa.String(length=40), nullable=True),
        sa.CheckConstraint(
            "status IN ('scheduled', 'taken', 'posted', 'cancelled', 'failed')", name=op.f("ck_scheduled_repayments_status")
        ),
        sa.CheckConstraint("amount >= 1", name=op.f("ck_scheduled_repayments_amount_at_least_1")),
        sa.CheckConstraint("execute_on <= posts_on", name=op.f("ck_scheduled_repayments_dates")),
        sa.ForeignKeyConstraint(
            ["contract_no", "instalment"],
            ["instalments.contract_no", "instalments.number"],
            name=op.f("fk_scheduled_repayments_contract_no_instalment_instalments"),
        ),
        sa.ForeignKeyConstraint(
            ["customer_id"], ["customers.customer_id"], name=op.f("fk_scheduled_repayments_customer_id_customers")
        ),
        sa.ForeignKeyConstraint(
            ["payment_no"], ["payments.payment_no"], name=op.f("fk_scheduled_repayments_payment_no_payments")
        ),
        sa.PrimaryKeyConstraint("scheduled_no", name=op.f("pk_scheduled_repayments")),
    )
    with op.batch_alter_table("scheduled_repayments", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_scheduled_repayments_customer_id"), ["customer_id"], unique=False)
        batch_op.create_index(
            "uq_scheduled_repayments_live",
            ["contract_no", "instalment"],
            unique=True,
            sqlite_where=sa.text("status IN ('scheduled', 'taken')"),
            postgresql_where=sa.text("status IN ('scheduled', 'taken')"),
        )

    for table in APPEND_ONLY:
        make_append_only(table)


def downgrade() -> None:
    for table in reversed(TABLES):
        op.drop_table(table)
    if op.get_bind().dialect.name == "postgresql":
        op.execute("DROP FUNCTION refuse_change()")
