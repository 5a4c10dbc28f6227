"""Settings from the environment (and ``.env``). One object, made in a composition root and passed down."""

from __future__ import annotations

import json
import secrets
from datetime import date
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import Field, HttpUrl, IPvAnyNetwork, SecretStr, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

ROOT = Path(__file__).resolve().parents[2]
"""The folder that holds ``config.yml`` and ``data/``."""

MIN_CALLBACK_SECRET_CHARS = 32


class Settings(BaseSettings):
    """Every knob with its default. Names are the environment variables, upper case."""

    model_config = SettingsConfigDict(env_file=".env", extra="ignore", env_nested_delimiter="__")

    demo: bool = Field(default=False, description="seed the demo people and open /demo/login and /demo/otp")
    business_date: date | None = Field(default=None, description="overrides today's date (YYYY-MM-DD)")
    database_url: str = f"sqlite:///{ROOT / 'var' / 'suixing.db'}"
    redis_url: str | None = Field(
        default=None, description="wakes the clients of other web processes sooner, and counts for their limits"
    )
    secret_key: SecretStr | None = Field(
        default=None, description="signs tokens; required unless DEMO=1, which makes one under var/"
    )
    audit_accepted_keys: Annotated[list[SecretStr], NoDecode] = Field(
        default=[],
        description="former or coming values of SECRET_KEY that may have sealed audit entries; separated by commas, or JSON",
    )
    audit_anchor_minutes: int = Field(default=60, ge=1, description="how often the worker logs an anchor of the audit trail")
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
    sms_sender: str | None = Field(
        default=None,
        description="module:function that makes the SmsCarrier of one-time codes (step-up, binding) from (settings, clock); "
        "unset: outside the demo no code can be sent. The demo keeps its simulated one",
    )
    simulated_bank_seconds: int = Field(default=180, description="how long the demo's bank leaves a repayment in processing")
    bank_callback_secret: SecretStr | None = Field(
        default=None, description="signs the bank's reports to POST /bank/callbacks; unset: the route does not exist"
    )
    bank_callback_previous_secret: SecretStr | None = Field(
        default=None, description="still accepted while the bank changes to the new one"
    )
    bank_callback_window_seconds: int = Field(
        default=300, ge=1, le=3600, description="how far a callback's timestamp may be from our clock"
    )
    worker_seconds: float = Field(default=15.0, description="pause between two rounds of the worker")

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
    binding_minutes: int = Field(default=10, description="for the phone number and the code that bind a messaging account")
    binding_per_hour: int = Field(default=5, description="codes asked for by one account, and for one phone number")
    visitor_token_days: int = 30
    office_hours: str = Field(
        default="00:00-24:00",
        pattern=r"^([01]\d|2[0-3]):[0-5]\d-(([01]\d|2[0-3]):[0-5]\d|24:00)$",
        description="HH:MM-HH:MM in Shanghai, every day, when humans answer; 20:00-08:00 goes past midnight, 09:00-09:00 is "
        "never. Outside them the bot keeps the conversation and the desk finds the request later",
    )
    agent_token_minutes: int = 600
    desk_idle_minutes: int = Field(default=60, description="a desk session that is not used for so long ends")
    desk_cookie_secure: bool | None = Field(default=None, description="only over https; by default yes, except in the demo")
    agent_login_tries: int = 5
    agent_lock_minutes: int = 15
    demo_agent_password: str = "suixing-demo"  # noqa: S105 printed by make run, and only seeded with DEMO=1
    messages_per_minute: int = Field(default=60, description="of one conversation; more get 429")
    messages_per_customer_minute: int = Field(
        default=120, ge=1, description="of a customer, all conversations and devices together"
    )
    anonymous_messages_per_address_minute: int = Field(
        default=6000, ge=1, description="of visitors and of callers without a token; borrowers share the addresses of gateways"
    )
    requests_per_token_minute: int = Field(default=600, ge=1, description="of any kind, of one customer or visitor")
    changes_per_token_minute: int = Field(
        default=30, ge=1, description="ratings, leaving the queue, facts, withdrawals, appeals of one customer or visitor"
    )
    attachments_per_token_hour: int = Field(default=60, ge=1, description="uploads tried by one customer or visitor")
    visitors_per_address_hour: int = Field(default=5000, ge=1, description="new visitors; in the demo also logins")
    failed_logins_per_address_hour: int = Field(default=100, ge=1, description="wrong passwords at the desk, whatever the ids")
    trusted_proxies: Annotated[list[IPvAnyNetwork], NoDecode] = Field(
        default=[],
        description="addresses or networks (10.0.0.0/8) whose X-Forwarded-For and X-Forwarded-Proto are believed; separated by "
        "commas, or JSON. Empty: nobody's",
    )
    channels: dict[str, dict[str, SecretStr]] = Field(
        default={},
        description="messaging platforms: CHANNELS__<NAME>__<OPTION>, e.g. CHANNELS__WEBHOOK__SECRET (docs/channels); one that "
        "is not named has no route",
    )
    inbox_at_once: int = Field(
        default=16, ge=1, description="turns of messaging platforms that one process takes at the same time"
    )
    outbox_threads: int = Field(
        default=4, ge=1, description="messages that one web process sends at the same time to each platform (on SQLite one)"
    )
    watch_seconds: float = Field(
        default=0.4, gt=0, description="how often a web process looks for messages that another process wrote"
    )
    socket_hello_seconds: float = Field(default=10.0, gt=0, description="a socket that says nothing for so long is closed")
    socket_look_seconds: float = Field(
        default=30.0,
        gt=0,
        le=60,
        description="a quiet socket looks at least so often whether its token is still good and nothing was missed, and says "
        "that it is alive; the pages hang up after 75 s of silence",
    )
    max_message_chars: int = 2000
    max_body_bytes: int = Field(default=65536, description="of a request, but for uploads of attachments")
    attachment_max_bytes: int = Field(default=10 * 1024 * 1024, gt=0, description="of one image or PDF")
    attachment_max_pixels: int = Field(default=40_000_000, gt=0, description="of one image; decoding takes 4 bytes a pixel")
    attachments_per_conversation: int = Field(default=20, gt=0)
    attachments_per_case: int = Field(default=50, gt=0)
    log_json: bool = False
    cors_origins: Annotated[list[str], NoDecode] = Field(
        default=[], description="web origins (https://app.example) whose pages may embed the widget; separated by commas, or JSON"
    )

    @field_validator("audit_accepted_keys", mode="before")
    @classmethod
    def _keys(cls, given: Any) -> Any:
        if isinstance(given, str):
            given = json.loads(given) if given.lstrip().startswith("[") else given.split(",")
        return [key.strip() if isinstance(key, str) else key for key in given if key != ""] if isinstance(given, list) else given

    @field_validator("trusted_proxies", mode="before")
    @classmethod
    def _networks(cls, given: Any) -> Any:
        if isinstance(given, str):
            given = json.loads(given) if given.lstrip().startswith("[") else given.split(",")
        if not isinstance(given, list):
            return given
        return [part.strip() if isinstance(part, str) else part for part in given if part != ""]

    @field_validator("cors_origins", mode="before")
    @classmethod
    def _origins(cls, given: Any) -> Any:
        """A browser's ``Origin`` has no trailing slash, so neither have ours."""
        if isinstance(given, str):
            given = json.loads(given) if given.lstrip().startswith("[") else [part.strip() for part in given.split(",")]
        if not isinstance(given, list):
            return given
        return [origin.strip().rstrip("/") if isinstance(origin, str) else origin for origin in given if origin != ""]

    @field_validator("bank_callback_secret", "bank_callback_previous_secret")
    @classmethod
    def _long_enough(cls, secret: SecretStr | None) -> SecretStr | None:
        """An empty line of ``.env`` is no secret; a short one would be guessed."""
        if secret is None or not secret.get_secret_value():
            return None
        if len(secret.get_secret_value()) < MIN_CALLBACK_SECRET_CHARS:
            raise ValueError(f"a secret of the bank's callbacks has at least {MIN_CALLBACK_SECRET_CHARS} characters")
        return secret

    @model_validator(mode="after")
    def _callbacks_have_their_books(self) -> Self:
        if self.bank_callback_previous_secret is not None and self.bank_callback_secret is None:
            raise ValueError("BANK_CALLBACK_PREVIOUS_SECRET is set but BANK_CALLBACK_SECRET is not")
        if self.bank_callback_secret is not None and self.loan_backend_url is not None:
            raise ValueError("with LOAN_BACKEND_URL the bank reports to the core system: unset BANK_CALLBACK_SECRET")
        return self

    @model_validator(mode="after")
    def _backend_has_a_secret(self) -> Self:
        if self.loan_backend_url is not None and self.loan_backend_secret is None:
            raise ValueError("LOAN_BACKEND_URL is set but LOAN_BACKEND_SECRET is not")
        return self

    @property
    def attachments_dir(self) -> Path:
        return self.var_dir / "attachments"

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
        return _kept_key(self.var_dir / "secret.key")


@cache
def _kept_key(path: Path) -> str:
    """Made when there is none; read once, since each turn of a conversation needs it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists():
        path.write_text(secrets.token_hex(32), encoding="ascii")
        path.chmod(0o600)
    return path.read_text(encoding="ascii").strip()
