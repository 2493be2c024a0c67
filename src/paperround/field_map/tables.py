"""The table of the map of the field."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Integer, String
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from paperround.database import Base


class FieldMap(Base):
    """The map as it is shown. The table has one row, or none before the first map."""

    __tablename__ = "field_maps"

    id: Mapped[int] = mapped_column(Integer, primary_key=True, default=1)
    made_at: Mapped[datetime]
    inputs: Mapped[str] = mapped_column(
        String(64), comment="hash of the papers, texts and model it is made of"
    )
    content: Mapped[dict[str, Any]] = mapped_column(
        JSONB, comment="points: id, x, y, group; groups: their names, in order"
    )
