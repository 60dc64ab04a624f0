"""Typed settings: the environment beats the file given, which beats ``config/default.toml``."""

from datetime import time, timedelta
from pathlib import Path
from typing import Literal, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict, TomlConfigSettingsSource

from dialogs.model import House
from services.errors import Misconfigured
from services.model import AutopayRules, Fee, Method, Rules, Spread
from services.model.fees import MOST_BASIS_POINTS
from services.model.hours import DAYS, hours
from services.pruning import Spans
from services.reminders import Plan, Stage

CONFIG = Path(__file__).parent.parent / "config"


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Business(_Section):
    name: str
    phone: str
    timezone: str
    currency: str = Field(pattern="^[A-Z]{3}$")

    @field_validator("timezone")
    @classmethod
    def _known(cls, name: str) -> str:
        try:
            ZoneInfo(name)
        except (ZoneInfoNotFoundError, ValueError) as error:
            raise ValueError(f"{name!r} is not a time zone; write one like America/New_York") from error
        return name


class Server(_Section):
    host: str
    port: int = Field(ge=0, le=65535)
    base_url: str
    data: Path
    clock_file: str
    log_level: str


class RuleSettings(_Section):
    partial: bool
    minimum_minor: int = Field(ge=1)
    overpay: bool
    methods: tuple[Method, ...] = Field(min_length=1)
    currencies: tuple[str, ...]
    ach_currencies: tuple[str, ...]
    allocation: Spread
    declines: int = Field(ge=1, le=100)


class FeeSettings(_Section):
    basis_points: int = Field(ge=0, le=MOST_BASIS_POINTS)
    fixed_minor: int = Field(ge=0)
    most_minor: int = Field(ge=0)


class SignInSettings(_Section):
    offered: bool
    hours: int = Field(ge=1, le=24 * 30)
    browser_days: int = Field(ge=1, le=365)
    page_secret: SecretStr
    rasa_senders: bool


class Chat(_Section):
    pause_minutes: int = Field(ge=1)
    wrong_proofs: int = Field(ge=1, le=10)
    patience_seconds: float = Field(gt=0, le=30)
    locales: tuple[str, ...] = Field(min_length=1)


_BANK_RETURNS = (
    60  # days within which a bank may send a payment back (NACHA operating rules, unauthorized consumer debits)
)


class PrivacySettings(_Section):
    conversations_days: int = Field(ge=1, le=3650)
    cases_days: int = Field(ge=_BANK_RETURNS, le=3650)
    questions_days: int = Field(ge=1, le=3650)
    traces_days: int = Field(ge=_BANK_RETURNS, le=3650)
    telegram_days: int = Field(ge=2, le=3650)


class HelpSettings(_Section):
    folder: Path | None

    @field_validator("folder", mode="before")
    @classmethod
    def _none(cls, folder: object) -> object:
        return folder or None


class Widget(_Section):
    origins: tuple[str, ...]


class TelegramSettings(_Section):
    bot: str = Field(pattern=r"^([A-Za-z][A-Za-z0-9_]{4,31})?$")
    token: SecretStr
    mode: Literal["webhook", "polling"]
    api: str


class WhatsAppSettings(_Section):
    token: SecretStr
    phone_number_id: str = Field(pattern="^[0-9]*$")
    app_secret: SecretStr
    verify_token: SecretStr
    template: str
    api: str

    @model_validator(mode="after")
    def _whole(self) -> Self:
        needed = self.phone_number_id, self.app_secret.get_secret_value(), self.verify_token.get_secret_value()
        if self.token.get_secret_value() and not all(needed):
            raise ValueError("with a token, set phone_number_id, app_secret and verify_token, too")
        return self


class ChatwootSettings(_Section):
    url: str = Field(pattern=r"^(https?://.+)?$")
    token: SecretStr
    secret: SecretStr
    account: int = Field(ge=0)

    @model_validator(mode="after")
    def _whole(self) -> Self:
        others = {
            "token": self.token.get_secret_value(),
            "secret": self.secret.get_secret_value(),
            "account": self.account,
        }
        missing = [name for name, value in others.items() if not value]
        if self.url and missing:
            raise ValueError(f"url is set: set {', '.join(missing)} too (docs/chatwoot.md)")
        return self


class RasaSettings(_Section):
    callback_url: str = Field(pattern=r"^(https?://.+)?$")
    callback_token: SecretStr


class ActionSettings(_Section):
    remit_url: str = Field(pattern=r"^https?://.+$")
    host: str
    port: int = Field(ge=1, le=65535)
    token: SecretStr
    client_addresses: bool


class AutopaySettings(_Section):
    offered: bool
    notice_days: int = Field(ge=1, le=60)
    most_minor: int = Field(ge=1)
    most_days: int = Field(ge=0, le=60)


class DeskSettings(_Section):
    hours: tuple[str, ...]
    agent_limit_minor: int | None = Field(ge=1)
    key_limit_minor: int | None = Field(ge=1)
    letter_minutes: int = Field(ge=0, le=24 * 60)

    @field_validator("hours")
    @classmethod
    def _readable(cls, told: tuple[str, ...]) -> tuple[str, ...]:
        hours(told)
        return told

    @field_validator("agent_limit_minor", "key_limit_minor", mode="before")
    @classmethod
    def _no_limit(cls, told: object) -> object:
        return told or None


class Links(_Section):
    days: int = Field(ge=1)


class MailSettings(_Section):
    host: str
    port: int = Field(ge=1, le=65535)
    sender: str = Field(alias="from")
    username: str
    password: SecretStr
    starttls: bool


class ReminderSettings(_Section):
    on: bool
    before_days: tuple[int, ...]
    on_day: bool
    overdue_days: tuple[int, ...]
    at: time
    quiet: tuple[time, time]
    weekdays: tuple[Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"], ...] = Field(min_length=1)
    least_minor: int = Field(ge=0)

    @field_validator("before_days", "overdue_days")
    @classmethod
    def _some_days(cls, days: tuple[int, ...]) -> tuple[int, ...]:
        if not all(1 <= each <= 365 for each in days):
            raise ValueError("write days from 1 to 365, such as [3, 10, 21]")
        return days

    @model_validator(mode="after")
    def _some_time(self) -> Self:
        if self.at.tzinfo or any(each.tzinfo for each in self.quiet):
            raise ValueError('write hours of the business\'s own clock, such as "20:00"')
        return self

    @property
    def plan(self) -> Plan:
        """The same, as the rules of reminders have it."""
        days = [*(-each for each in self.before_days), *([0] if self.on_day else []), *self.overdue_days]
        weekdays = frozenset(DAYS.index(each) for each in self.weekdays)
        return Plan(tuple(Stage(each) for each in sorted(set(days))), weekdays, self.at, self.quiet)


class InvoiceSettings(_Section):
    sources: tuple[str, ...] = Field(min_length=1)
    number_patterns: tuple[str, ...]
    number_prefix: str
    portal_url: str
    portal_key: SecretStr


class GatewaySettings(_Section):
    url: str
    key: SecretStr
    webhook_secret: SecretStr


class Settings(BaseSettings):
    """Everything that can be set. Frozen; read once at start by `load`."""

    model_config = SettingsConfigDict(env_prefix="REMIT_", env_nested_delimiter="__", frozen=True, extra="forbid")

    business: Business
    server: Server
    rules: RuleSettings
    fee: FeeSettings
    chat: Chat
    privacy: PrivacySettings
    links: Links
    sign_in: SignInSettings
    help: HelpSettings
    widget: Widget
    telegram: TelegramSettings
    whatsapp: WhatsAppSettings
    chatwoot: ChatwootSettings
    rasa: RasaSettings
    actions: ActionSettings
    desk: DeskSettings
    autopay: AutopaySettings
    invoices: InvoiceSettings
    gateway: GatewaySettings
    mail: MailSettings
    reminders: ReminderSettings
    rasa_token: SecretStr
    secret: SecretStr
    database_url: str
    redis_url: SecretStr  # it may hold a password

    @property
    def base_url(self) -> str:
        """The address customers reach the assistant at, without a slash at its end."""
        return self.server.base_url.rstrip("/") or f"http://{self.server.host}:{self.server.port}"

    def telegram_link(self, token: str) -> str:
        """What opens the business's Telegram bot with this token (of a pay link or of a chat that moves), or "" without a bot."""
        return f"https://t.me/{self.telegram.bot}?start={token}" if self.telegram.bot else ""

    @property
    def embedded(self) -> tuple[str, ...]:
        """The variables that would take a store out of this process's own files, and are not set."""
        shared = {
            "REMIT_REDIS_URL": bool(self.redis_url.get_secret_value()),
            "REMIT_DATABASE_URL": bool(self.database_url) and not self.database_url.startswith("sqlite"),
        }
        return tuple(name for name, is_shared in shared.items() if not is_shared)

    @property
    def spans(self) -> Spans:
        """How long rows of the ledger's database are kept."""
        kept = self.privacy
        return Spans(
            timedelta(days=kept.traces_days),
            timedelta(days=kept.cases_days),
            timedelta(days=kept.questions_days),
            timedelta(days=max(kept.conversations_days, _BANK_RETURNS)),
        )

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.business.timezone)

    def house(self) -> House:
        """The business as a conversation knows it."""
        return House(
            name=self.business.name,
            phone=self.business.phone,
            rules=Rules(**self.rules.model_dump(), fee=Fee(**self.fee.model_dump())),
            currency=self.business.currency,
            number_patterns=self.invoices.number_patterns,
            pause_minutes=self.chat.pause_minutes,
            proofs=self.chat.wrong_proofs,
            sign_in=self._sign_in_channels(),
            remember=("web",),
            hops=bool(self.telegram.bot),
            hours=hours(self.desk.hours),
            writes=bool(self.mail.host and self.desk.letter_minutes),
            locales=self.chat.locales,
            autopay=AutopayRules(**self.autopay.model_dump()),
        )

    def _sign_in_channels(self) -> tuple[str, ...]:
        """Where nobody can speak in another's name. A Rasa sender is whoever the front end says, so it has to vouch for that."""
        if not (self.sign_in.offered and self.mail.host):
            return ()
        vouched = {
            "telegram": bool(self.telegram.bot or self.telegram.token.get_secret_value()),
            "whatsapp": bool(self.whatsapp.token.get_secret_value()),
            "rasa": self.sign_in.rasa_senders,
        }
        return ("web", "console", *(channel for channel, is_vouched in vouched.items() if is_vouched))


def load(file: Path | None = None, **sections: dict[str, object]) -> Settings:
    """The settings from the environment, then ``sections``, then ``file``, then the defaults.

    Raises `Misconfigured`, which names every setting that cannot work.
    """
    if file is not None and not file.is_file():
        raise Misconfigured(f"there is no settings file {file}")

    class FromFiles(Settings):
        @classmethod
        def settings_customise_sources(
            cls,
            settings_cls: type[BaseSettings],
            init_settings: PydanticBaseSettingsSource,
            env_settings: PydanticBaseSettingsSource,
            dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003  # the signature is pydantic's
            file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003  # as above
        ) -> tuple[PydanticBaseSettingsSource, ...]:
            files = (*([file] if file else []), CONFIG / "default.toml")
            return env_settings, init_settings, *(TomlConfigSettingsSource(settings_cls, each) for each in files)

    try:
        return FromFiles(**sections)  # type: ignore[arg-type]  # sections are checked by pydantic itself
    except ValidationError as error:
        faults = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors(include_input=False))
        raise Misconfigured(f"settings: {faults}") from None
