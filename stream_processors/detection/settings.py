"""The settings of detection."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator
from typing_extensions import Self

from stream_processors.detection.budget import Budget


class DetectionSettings(BaseModel):
    """What counts as unusual, and as one window."""

    model_config = ConfigDict(extra="forbid")

    alert_budget: str = Field(
        "top 0.5 %",
        description='Lines of a source to flag, the most unusual: "top 0.1 %", or "20 an hour" (a minute, a day)',
    )
    trees: int = Field(100, ge=10, le=1_000, description="Trees of the isolation forest")
    reservoir: int = Field(4_096, ge=256, le=100_000, description="Recent lines the forest remembers")
    warmup: int = Field(512, ge=16, description="Lines before the first score; they are scored then")
    warmup_seconds: float = Field(
        3_600,
        gt=0,
        le=315_360_000,
        description="Seconds from its first line after which a warm-up ends with fewer",
    )
    refit_every: int = Field(512, ge=16, description="Lines between renewals of a tenth of the trees")
    pattern_limit: int = Field(
        1_000,
        ge=1,
        le=100_000,
        description="Patterns that a partition remembers; the store keeps retention.templates",
    )
    window_seconds: int = Field(60, ge=1, description="Length of a tumbling window")
    window_lines: int = Field(10, ge=1, le=1_000, description="Most diverse lines kept of a window")
    seed: int = Field(0, description="Seed of the forest")

    @field_validator("alert_budget")
    @classmethod
    def _is_a_budget(cls, text: str) -> str:
        try:
            Budget.parse(text)
        except ValueError as error:
            raise ValueError(f"detection.alert_budget: {error}") from error
        return text

    @property
    def budget(self) -> Budget:
        """``alert_budget``, read."""
        return Budget.parse(self.alert_budget)

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.warmup > self.reservoir:
            raise ValueError(
                f"detection.warmup={self.warmup} never ends with detection.reservoir={self.reservoir} lines"
            )
        return self
