"""What an operator may change, read from the environment and a `.env` file.

Boundary: names, defaults and bounds of settings; opens nothing and creates nothing. Environment variables carry
the prefix PLAYGROUND_ (PLAYGROUND_DATA_DIR, …) and win over `.env` in the working directory. Streamlit's secrets,
when they come, are one more source in `Settings.settings_customise_sources`.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

import platformdirs
from pydantic import Field, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

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
