"""The table of document frequencies."""

from __future__ import annotations

from sqlalchemy import Integer, Text
from sqlalchemy.orm import Mapped, mapped_column

from paperround.database import Base


class Lexeme(Base):
    """A lexeme of at least two papers, as of the last count. The empty lexeme counts all papers."""

    __tablename__ = "lexemes"

    lexeme: Mapped[str] = mapped_column(Text, primary_key=True)
    documents: Mapped[int] = mapped_column(Integer, comment="how many papers have it")
