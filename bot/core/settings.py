"""Settings from the environment (and ``.env``). One object, made in a composition root and passed down."""

from __future__ import annotations

import json
import secrets
from datetime import date
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import Field, HttpUrl, SecretStr, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

ROOT = Path(__file__).resolve().parents[2]
"""The folder that holds ``config.yml`` and ``data/``."""


class Settings(BaseSettings):
    """Every knob with its default. Names are the environment variables, upper case."""

    model_config = SettingsConfigDict(env_file=".env", extra="ignore")

    demo: bool = Field(default=False, description="seed the demo people and open /demo/login and /demo/otp")
    business_date: date | None = Field(default=None, description="overrides today's date (YYYY-MM-DD)")
    database_url: str = f"sqlite:///{ROOT / 'var' / 'suixing.db'}"
    redis_url: str | None = None
    secret_key: SecretStr | None = Field(
        default=None, description="signs tokens; required unless DEMO=1, which makes one under var/"
    )
    data_dir: Path = ROOT / "data"
    var_dir: Path = ROOT / "var"
    web_dir: Path = ROOT / "web"

    app_host: str = "127.0.0.1"
    app_port: int = 8000
    rasa_port: int = 5005
    actions_port: int = 5055
    rasa_timeout_seconds: float = 5.0
    actions_timeout_seconds: float = 4.0

    payment_channel: str = Field(
        default="bot.loans.servicing.simulated:payment_channel",
        description="module:function that makes the worker's PaymentChannel from (settings, clock); the default, a simulated "
        "bank, refuses to work outside the demo",
    )
    notice_sender: str = Field(
        default="bot.loans.servicing.simulated:notice_sender",
        description="module:function that makes the worker's NoticeSender from (settings, clock)",
    )
    simulated_bank_seconds: int = Field(default=180, description="how long the demo's bank leaves a repayment in processing")
    worker_seconds: float = Field(default=15.0, description="pause between two rounds of the loan worker")

    loan_backend_url: HttpUrl | None = Field(
        default=None, description="the core system behind docs/loan-backend.md; unset: the embedded loan books"
    )
    loan_backend_secret: SecretStr | None = Field(default=None, description="shared with that system; needed with the URL")
    loan_backend_ca_file: Path | None = Field(default=None, description="certificates to trust besides the system's, for its TLS")
    loan_backend_timeout_seconds: float = Field(default=1.5, gt=0, description="of one try")
    loan_backend_unit_seconds: float = Field(
        default=3.0, gt=0, description="of all calls of one turn together; below ACTIONS_TIMEOUT_SECONDS"
    )
    loan_backend_attempts: int = Field(default=3, ge=1, description="tries of a call that may be repeated")
    loan_backend_breaker_failures: int = Field(default=5, ge=1, description="in a row open the circuit")
    loan_backend_breaker_seconds: float = Field(default=10.0, gt=0, description="it stays open; then one call probes")

    token_minutes: int = 120
    otp_minutes: int = 5
    otp_tries: int = 3
    otp_resend_seconds: int = Field(
        default=30, description="asked again sooner, the code already sent stays valid and no new one goes out"
    )
    otp_per_hour: int = Field(default=20, description="codes sent to one customer within an hour")
    otp_lock_minutes: int = Field(default=15, description="no code is sent or checked for a customer after too many wrong ones")
    step_up_minutes: int = 10
    visitor_token_days: int = 30
    office_hours: str = Field(
        default="00:00-24:00",
        pattern=r"^([01]\d|2[0-3]):[0-5]\d-(([01]\d|2[0-3]):[0-5]\d|24:00)$",
        description="HH:MM-HH:MM in Shanghai, every day, when humans answer; 20:00-08:00 goes past midnight, 09:00-09:00 is "
        "never. Outside them the bot keeps the conversation and the desk finds the request later",
    )
    agent_token_minutes: int = 600
    agent_login_tries: int = 5
    agent_lock_minutes: int = 15
    demo_agent_password: str = "suixing-demo"  # noqa: S105 printed by make run, and only seeded with DEMO=1
    messages_per_minute: int = Field(default=60, description="of one conversation; more get 429")
    max_message_chars: int = 2000
    max_body_bytes: int = 65536
    log_json: bool = False
    cors_origins: Annotated[list[str], NoDecode] = Field(
        default=[], description="web origins (https://app.example) whose pages may embed the widget; separated by commas, or JSON"
    )

    @field_validator("cors_origins", mode="before")
    @classmethod
    def _origins(cls, given: Any) -> Any:
        """A browser's ``Origin`` has no trailing slash, so neither have ours."""
        if isinstance(given, str):
            given = json.loads(given) if given.lstrip().startswith("[") else [part.strip() for part in given.split(",")]
        if not isinstance(given, list):
            return given
        return [origin.strip().rstrip("/") if isinstance(origin, str) else origin for origin in given if origin != ""]

    @model_validator(mode="after")
    def _backend_has_a_secret(self) -> Self:
        if self.loan_backend_url is not None and self.loan_backend_secret is None:
            raise ValueError("LOAN_BACKEND_URL is set but LOAN_BACKEND_SECRET is not")
        return self

    @property
    def rasa_url(self) -> str:
        return f"http://127.0.0.1:{self.rasa_port}"

    @property
    def actions_url(self) -> str:
        return f"http://127.0.0.1:{self.actions_port}"

    def signing_key(self) -> str:
        """The token key. In the demo one is made once and kept under ``var/``, so a restart logs nobody out.

        Raises ``RuntimeError`` outside the demo when ``SECRET_KEY`` is missing: we refuse to start on a guessable key.
        """
        if self.secret_key is not None:
            return self.secret_key.get_secret_value()
        if not self.demo:
            raise RuntimeError("SECRET_KEY is not set; make one with: python -c 'import secrets; print(secrets.token_hex(32))'")
        path = self.var_dir / "secret.key"
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists():
            path.write_text(secrets.token_hex(32), encoding="ascii")
            path.chmod(0o600)
        return path.read_text(encoding="ascii").strip()
