"""Every environment variable Footnote reads, with its meaning. Read once, at the start."""

import re
from decimal import Decimal
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Literal
from urllib.parse import SplitResult, urlsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

SECRET_BYTES = 32


class ModelPrices(BaseModel):
    """Prices of one model: US dollars per million tokens, and what its cache costs as multiples of the input."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    input: Decimal = Field(ge=0)
    output: Decimal = Field(ge=0)
    cache_write: Decimal = Field(Decimal("1.25"), ge=0)
    cache_read: Decimal = Field(Decimal("0.1"), ge=0)


class SettingsInvalid(Exception):
    """A variable has a value that cannot be used; the message names it."""


class Settings(BaseSettings):
    """What the operator decides. An empty environment is the embedded default."""

    model_config = SettingsConfigDict(frozen=True, env_ignore_empty=True, env_file=".env", extra="ignore")

    host: str = Field("127.0.0.1", description="where to listen")
    port: int = Field(8000, ge=0, le=65535, description="where to listen; 0 takes a free port")
    data_dir: Path = Field(Path(".footnote"), description="everything the embedded default keeps")
    environment: Literal["development", "production"] = Field(
        "development", description="production writes logs as JSON lines"
    )

    database_url: str = Field("", repr=False, description="Postgres (a pooler is fine); empty: embedded")
    database_direct_url: str = Field(
        "", repr=False, description="Postgres for migrations where DATABASE_URL is a pooler"
    )

    redis_url: SecretStr = Field(
        SecretStr(""), description="a cache that replicas share, redis:// or rediss://; empty: each in its memory"
    )

    qdrant_url: str = Field("", description="Qdrant server or Cloud; empty: the embedded engine")
    qdrant_api_key: SecretStr = Field(SecretStr(""), description="key of that server")
    qdrant_collection: str = Field("textbook_chunks", description="prefix of the collections' names there")

    anthropic_api_key: SecretStr = Field(SecretStr(""), description="Claude; empty: answers are quoted passages")
    anthropic_base_url: str = Field("https://api.anthropic.com", description="where Claude is")
    claude_model: str = Field("claude-haiku-5-5", description="writes the answers")
    claude_cheap_model: str = Field(
        "claude-haiku-5-5", description="writes them from BUDGET_CHEAPER_MODEL_AT of the budget on"
    )
    openrouter_api_key: SecretStr = Field(
        SecretStr(""), description="Claude by way of OpenRouter, where Claude itself fails; empty: none"
    )
    openrouter_base_url: str = Field("https://openrouter.ai/api", description="where OpenRouter is")
    openrouter_model: str = Field("anthropic/claude-haiku-5.5", description="writes the answers there")
    provider_failures: int = Field(
        3, ge=1, description="questions in a row that a provider may fail before it is left alone"
    )
    provider_rest_seconds: float = Field(15, ge=0, description="how long it is left alone before one question tries it")
    model_prices: dict[str, ModelPrices] = Field(
        {},
        description='US dollars per million tokens where they are not the known ones, as JSON: {"claude-haiku-5-5": '
        '{"input": 0.1, "output": 0.5}}, and if they differ "cache_write" and "cache_read" as multiples of the input',
    )

    daily_budget_usd: Decimal = Field(
        Decimal(10), ge=0, description="what all calls to models may cost in a UTC day; after it answers are quotations"
    )
    budget_cheaper_model_at: Decimal = Field(
        Decimal("0.8"), ge=0, le=1, description="part of the budget from which on CLAUDE_CHEAP_MODEL is used"
    )
    budget_no_variants_at: Decimal = Field(
        Decimal("0.95"), ge=0, le=1, description="part of the budget from which on no new chapter variants are made"
    )
    budget_share_per_reader: Decimal = Field(
        Decimal("0.2"), gt=0, le=1, description="part of the budget that one reader's running questions may reserve"
    )
    questions_per_hour: int = Field(20, ge=0, le=10_000, description="questions of each reader in any rolling hour")
    translations_per_day: int = Field(
        5, ge=0, le=10_000, description="translations that each reader may have made in any rolling day"
    )
    personalizations_per_day: int = Field(5, ge=0, le=10_000, description="the same of chapters for the reader's level")
    anonymous_questions_per_hour: int = Field(
        5, ge=0, le=10_000, description="questions from each address without signing in"
    )

    cohere_api_key: SecretStr = Field(
        SecretStr(""), description="Cohere's multilingual embeddings; empty: EMBEDDING_MODEL on this machine"
    )
    cohere_base_url: str = Field("https://api.cohere.com", description="where Cohere is")
    cohere_model: str = Field("embed-v4.0", description="makes the vectors; another one embeds the book anew")

    jwt_secret: SecretStr = Field(
        SecretStr(""), description="signs access tokens, at least 32 bytes; empty, in development: made and kept"
    )
    jwt_previous_secret: SecretStr = Field(
        SecretStr(""), description="accepted beside JWT_SECRET, so that changing it signs nobody out"
    )
    access_token_expire_minutes: float = Field(10080, gt=0, le=525600, description="how long signing in lasts")
    better_auth_url: str = Field("", description="accept the tokens of this Better Auth server; empty: none")
    better_auth_audience: str = Field("", description="whom those tokens are for; empty: BETTER_AUTH_URL")
    author_emails: str = Field("", description="e-mail addresses of the book's authors, comma-separated")
    login_failures_per_address_per_hour: int = Field(100, ge=1, description="log-ins that may fail from one address")
    signups_per_address_per_hour: int = Field(30, ge=0, description="sign-ups that may be tried from one address")
    trusted_proxies: str = Field(
        "", description="networks of the proxies whose X-Forwarded-For is believed, comma-separated; empty: none"
    )

    embedding_model: str = Field(
        "", description="sentence-transformers model, by name or path; empty: the packaged one"
    )

    book_path: Path = Field(Path("examples/book"), description="the Docusaurus docs folder")
    book_url: str = Field("http://localhost:3000/docs", description="where the site shows it: the start of every link")
    book_translation_url: str = Field(
        "",
        description="the same for translations, with {language} in it; empty: {language} before BOOK_URL's last part",
    )

    translation_languages: str = Field(
        "ur", description="languages that chapters may be translated into, BCP 47 tags, comma-separated"
    )
    glossary_path: Path | None = Field(
        None, description="a folder with the book's own terms for translations, ur.tsv and the like; empty: ours alone"
    )

    retrieval_gate: float | None = Field(
        None,
        description="least score of an answerable question; empty: the book's own, set by footnote eval --calibrate",
    )

    answer_cache_days: float = Field(
        30, ge=0, description="how long an answer may be given again to the same question; 0: never"
    )

    allowed_origins: str = Field(
        "http://localhost:3000", description="browsers' origins for CORS and WebSocket, comma-separated"
    )
    leave_grace_seconds: float = Field(
        10, ge=0, description="how long an answer goes on after its last connection died"
    )
    drain_seconds: float = Field(30, ge=0, description="how long running answers may go on after SIGTERM")

    @field_validator("book_url", "book_translation_url")
    @classmethod
    def without_final_slash(cls, url: str) -> str:
        """Page paths begin with a slash of their own."""
        return url.rstrip("/")

    @field_validator("better_auth_url")
    @classmethod
    def of_http(cls, url: str) -> str:
        """Its keys are fetched from there."""
        if url and urlsplit(url).scheme not in ("http", "https"):
            raise ValueError("write the address of the server, such as https://accounts.example.com")
        return url.rstrip("/")

    @field_validator("redis_url")
    @classmethod
    def of_redis(cls, url: SecretStr) -> SecretStr:
        """Refused here, at the start."""
        parts = urlsplit(url.get_secret_value())
        if parts.geturl() and not is_redis(parts):
            raise ValueError(
                "write the address of the server, such as redis://user:password@host:6379/0, special characters of a"
                " password as %23 and the like"
            )
        return url

    @field_validator("translation_languages")
    @classmethod
    def of_tags(cls, languages: str) -> str:
        """What is no tag would be told to the model as a language."""
        for tag in filter(None, map(str.strip, languages.split(","))):
            if not re.fullmatch(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*", tag):
                raise ValueError(f"{tag!r} is no language tag. Write tags such as ur, ar or pt-BR")
        return languages

    @field_validator("trusted_proxies")
    @classmethod
    def of_networks(cls, proxies: str) -> str:
        """Refused here, at the start, rather than at a reader's request."""
        networks(proxies)
        return proxies

    @field_validator("jwt_secret", "jwt_previous_secret")
    @classmethod
    def long_enough(cls, secret: SecretStr) -> SecretStr:
        """RFC 7518, section 3.2: a key as long as the hash."""
        if 0 < len(secret.get_secret_value().encode(errors="replace")) < SECRET_BYTES:
            raise ValueError(f"it has less than {SECRET_BYTES} bytes; `openssl rand -base64 48` prints a good one")
        return secret

    @model_validator(mode="after")
    def of_production(self) -> "Settings":
        """Several processes must sign alike, and a secret that each makes for itself is a way to lock readers out."""
        if self.environment == "production" and not self.jwt_secret.get_secret_value():
            raise ValueError("JWT_SECRET is empty; in production it must be set, to the same for all processes")
        return self

    @property
    def proxies(self) -> tuple[IPv4Network | IPv6Network, ...]:
        """`TRUSTED_PROXIES` as networks."""
        return networks(self.trusted_proxies)

    @property
    def authors(self) -> list[str]:
        """`AUTHOR_EMAILS` as a list."""
        return [email.strip() for email in self.author_emails.split(",") if email.strip()]

    @property
    def languages(self) -> list[str]:
        """`TRANSLATION_LANGUAGES` as a list."""
        return [language.strip() for language in self.translation_languages.split(",") if language.strip()]

    @property
    def translation_url(self) -> str:
        """`BOOK_TRANSLATION_URL`, or where Docusaurus puts translations: docs at /docs have theirs at /ur/docs."""
        base, _, docs = self.book_url.rpartition("/") if self.docs_path else (self.book_url, "", "")
        return self.book_translation_url or f"{base}/{{language}}/{docs}".rstrip("/")

    @property
    def docs_path(self) -> str:
        """The path of `BOOK_URL`."""
        return urlsplit(self.book_url).path

    @property
    def writes(self) -> bool:
        """True with a key for Claude, here or by way of OpenRouter; without one, answers are quoted passages."""
        return any(key.get_secret_value() for key in (self.anthropic_api_key, self.openrouter_api_key))

    @property
    def claude_models(self) -> tuple[str, ...]:
        """The model that writes, then the cheaper one, if it is another."""
        return tuple(dict.fromkeys((self.claude_model, self.claude_cheap_model)))

    @property
    def origins(self) -> list[str]:
        """`ALLOWED_ORIGINS` as a list."""
        return [origin.strip() for origin in self.allowed_origins.split(",") if origin.strip()]


def is_redis(parts: SplitResult) -> bool:
    """Whether an address has all that a Redis needs. What is wrong with it may be a part of the password."""
    try:
        numbers = (parts.port or 0, int(parts.path.strip("/") or 0))
    except ValueError:
        return False
    return parts.scheme in ("redis", "rediss") and bool(parts.hostname) and not parts.fragment and min(numbers) >= 0


def networks(written: str) -> tuple[IPv4Network | IPv6Network, ...]:
    """Comma-separated networks; a single address is one too. Raises ValueError with the first that is none."""
    return tuple(network(part.strip()) for part in written.split(",") if part.strip())


def network(written: str) -> IPv4Network | IPv6Network:
    """One network. Raises ValueError, for everyone too: that would hold every reader beside the proxies."""
    try:
        found = ip_network(written)
    except ValueError as error:
        raise ValueError(f"{error}. Write networks, such as 10.0.0.0/8, 192.0.2.1 or fd00::/8") from None
    if not found.prefixlen:
        raise ValueError(f"{written} is everyone. Write the networks of the proxies only, such as 10.0.0.0/8")
    return found


def read_settings() -> Settings:
    """The settings of this process's environment. Raises SettingsInvalid with one line for each wrong variable."""
    try:
        return Settings()
    except ValidationError as error:
        raise SettingsInvalid("\n".join(wrong(**each) for each in error.errors())) from None


def wrong(*, loc: tuple[int | str, ...], msg: str, input: object, **_: object) -> str:
    """A line about one variable, with its value unless that is a secret, or about several."""
    if not loc:
        return msg
    field = Settings.model_fields.get(str(loc[0]))
    shown = "" if field and field.annotation is SecretStr else f" (it is {input!r})"
    return f"{'_'.join(map(str, loc)).upper()}: {msg}{shown}"
