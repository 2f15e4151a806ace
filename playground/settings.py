"""What an operator may change, read from the environment and a `.env` file.

Boundary: names, defaults and bounds of settings; opens nothing and creates nothing. Environment variables carry
the prefix PLAYGROUND_ (PLAYGROUND_DATA_DIR, …) and win over `.env` in the working directory. What stands at the top of
Streamlit's secrets, its server has put into the environment before a page first asks.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Annotated, Literal

import platformdirs
from pydantic import ByteSize, Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from playground.errors import BadInput

PREFIX = "PLAYGROUND_"


class Settings(BaseSettings):
    """The settings of one process; never changed after they are read."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, env_file=".env", extra="ignore", frozen=True)

    data_dir: Path = Field(
        default_factory=lambda: platformdirs.user_data_path("reasoning-playground", appauthor=False),
        description="Folder of the saved runs.",
    )
    engine: bool = Field(
        default=True, description="Run models in a process of their own; off runs them in the one that asks."
    )
    max_question_chars: int = Field(default=20_000, ge=1, description="Longest question, in characters.")
    max_concurrent_runs: int = Field(
        default=32, ge=1, le=1000, description="Runs that work at the same time; later ones wait in line."
    )

    device: str | None = Field(
        default=None,
        description="Where local models compute: cpu, cuda, cuda:1 or mps; left out, the best there is.",
    )
    dtype: Literal["float32", "bfloat16", "float16"] | None = Field(
        default=None,
        description="The numbers they compute with; left out, what suits the model and the device.",
    )
    bits: Literal["4", "8"] | None = Field(
        default=None,
        description="Bits of a weight in memory, by bitsandbytes; left out, those of the numbers.",
    )
    model_memory: ByteSize | None = Field(
        default=None,
        gt=0,
        description="Memory that local models may fill together (8GB); left out, 60 % of it.",
    )
    offline: bool = Field(default=False, description="Never fetch a model.")
    public_models: Annotated[tuple[str, ...], NoDecode] = Field(
        default=(),
        description="The only models that may be used, with commas between; groq:* allows all of a kind. None: all.",
    )

    groq_api_key: SecretStr | None = Field(
        default=None,
        validation_alias="GROQ_API_KEY",
        description="The owner's key for Groq; visitors use it too.",
    )
    openai_api_key: SecretStr | None = Field(
        default=None,
        validation_alias="OPENAI_API_KEY",
        description="The owner's key for the server at OPENAI_BASE_URL.",
    )
    openai_base_url: str = Field(
        default="https://api.openai.com/v1",
        validation_alias="OPENAI_BASE_URL",
        description="The server of models openai:NAME without an address.",
    )
    server_silence: float = Field(
        default=60.0, gt=0, description="Seconds without a byte after which a model's server is given up."
    )

    @field_validator("public_models", mode="before")
    @classmethod
    def _split(cls, names: object) -> object:
        return tuple(filter(None, map(str.strip, names.split(",")))) if isinstance(names, str) else names

    @field_validator("data_dir")
    @classmethod
    def _expand(cls, folder: Path) -> Path:
        return folder.expanduser()

    @property
    def database(self) -> Path:
        """The file that holds all runs."""
        return self.data_dir / "playground.db"


@cache
def settings() -> Settings:
    """This process's settings, read once (`settings.cache_clear()` reads them again).

    Raises:
        BadInput: a variable has a value that cannot be used; names it.
    """
    try:
        return Settings()
    except ValidationError as error:
        first = error.errors()[0]
        variable = PREFIX + "_".join(str(part) for part in first["loc"]).upper()
        raise BadInput(
            f"{variable} = {first['input']!r} cannot be used: {first['msg'].lower()}.",
            f"Change {variable} in the environment or in .env.",
        ) from error
