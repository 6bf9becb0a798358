"""The settings of detection."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field, field_validator

from stream_processors.detection.budget import Budget


class DetectionSettings(BaseModel):
    """What counts as unusual, and as one window."""

    model_config = ConfigDict(extra="forbid")

    alert_budget: str = Field(
        "top 0.5 %",
        description='Lines of a source to flag, the most unusual: "top 0.1 %", or "20 an hour" (a minute, a day)',
    )
    doubts: int = Field(
        4, ge=0, le=1_000, description="Times a pattern is flagged before its lines count as usual"
    )
    warmup: int = Field(
        512, ge=16, le=100_000, description="Lines before the first score; they are scored then"
    )
    warmup_seconds: float = Field(
        3_600,
        gt=0,
        le=315_360_000,
        description="Seconds from its first line after which a warm-up ends with fewer",
    )
    entities: list[str] = Field(
        [],
        max_length=100,
        description="Columns that say who or what a line is about, e.g. user, session; else they are found",
    )
    window_seconds: int = Field(60, ge=1, description="Length of a tumbling window")
    window_lines: int = Field(10, ge=1, le=1_000, description="Most diverse lines kept of a window")

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
