"""What varies in a line: text or columns in, template and parameters out. The project's only answer to that question.

A pure function of the line: no state, no order, no worker. Equal templates have equal ids, on every machine and in
every version that does not say otherwise.
"""

from __future__ import annotations

from encoder_core.templates.batch import TemplateBatch
from encoder_core.templates.match import TYPES, Match, Parameter
from encoder_core.templates.templates import Templates

__all__ = ["TYPES", "Match", "Parameter", "TemplateBatch", "Templates"]
