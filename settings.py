"""Every environment variable Footnote reads, with its meaning. Read once, at the start."""

from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict


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

    qdrant_url: str = Field("", description="Qdrant server or Cloud; empty: the embedded engine")
    qdrant_api_key: SecretStr = Field(SecretStr(""), description="key of that server")
    qdrant_collection: str = Field("textbook_chunks", description="prefix of the collections' names there")

    anthropic_api_key: SecretStr = Field(SecretStr(""), description="Claude; empty: answers are quoted passages")
    anthropic_base_url: str = Field("https://api.anthropic.com", description="where Claude is")
    claude_model: str = Field("claude-haiku-5-5", description="writes the answers")

    cohere_api_key: SecretStr = Field(
        SecretStr(""), description="Cohere's multilingual embeddings; empty: EMBEDDING_MODEL on this machine"
    )
    cohere_base_url: str = Field("https://api.cohere.com", description="where Cohere is")
    cohere_model: str = Field("embed-v4.0", description="makes the vectors; another one embeds the book anew")

    embedding_model: str = Field(
        "", description="sentence-transformers model, by name or path; empty: the packaged one"
    )

    book_path: Path = Field(Path("examples/book"), description="the Docusaurus docs folder")
    book_url: str = Field("http://localhost:3000/docs", description="where the site shows it: the start of every link")
    book_translation_url: str = Field(
        "",
        description="the same for translations, with {language} in it; empty: {language} before BOOK_URL's last part",
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

    @field_validator("book_url", "book_translation_url")
    @classmethod
    def without_final_slash(cls, url: str) -> str:
        """Page paths begin with a slash of their own."""
        return url.rstrip("/")

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
        """True with a key for Claude; without one, answers are quoted passages."""
        return bool(self.anthropic_api_key.get_secret_value())

    @property
    def origins(self) -> list[str]:
        """`ALLOWED_ORIGINS` as a list."""
        return [origin.strip() for origin in self.allowed_origins.split(",") if origin.strip()]


def read_settings() -> Settings:
    """The settings of this process's environment. Raises SettingsInvalid with one line for each wrong variable."""
    try:
        return Settings()
    except ValidationError as error:
        lines = [f"{'_'.join(map(str, e['loc'])).upper()}: {e['msg']} (it is {e['input']!r})" for e in error.errors()]
        raise SettingsInvalid("\n".join(lines)) from None
