"""store readings of titles and abstracts"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "e4b81d6f20c3"
down_revision = "c4f17b92e0d5"
branch_labels = None
depends_on = None

# Older revisions whose code still works on this schema: name them while a migration only adds.
works_with: tuple[str, ...] = (
    "4b7e1c90d2aa",
    "7d1f0a52c3be",
    "93c6b8e014da",
    "a4d20b7f6c15",
    "c5f8e2a91b30",
    "5e0c7d3a9b14",
    "8a61f4c2d7e3",
    "d8a1c5e07f42",
    "e1a94d7c3f52",
    "d1e5a7c0b942",
    "b3f07a9e61d4",
    "c92e5d14f8a6",
    "f3b86a0d9e17",
    "a6d3f81c5b27",
    "a1c04e7d92b5",
    "b7d93f1c60e8",
    "b8e4027d96fa",
    "c7e41b92d8f0",
    "d2c7f05b81ae",
    "e5a90c3d7b16",
    "c4f17b92e0d5",
)


def upgrade() -> None:
    """What is there counts as unread until the job `reread_papers` has read it."""
    op.execute("SET LOCAL lock_timeout = '5s'")
    for column in (
        sa.Column("read_title", sa.Text(), comment="the title as text; NULL: as it is"),
        sa.Column("read_abstract", sa.Text(), comment="the abstract as text; NULL: as it is"),
        sa.Column(
            "formulas",
            postgresql.JSONB(none_as_null=True, astext_type=sa.Text()),
            comment="of both: start and end in the text, LaTeX, MathML",
        ),
        sa.Column(
            "read_hash",
            sa.String(length=32),
            comment="text_hash of what was read; another one: to be read again",
        ),
        sa.Column(
            "read_text_hash",
            sa.String(length=32),
            comment="the same of the texts as read; NULL: as text_hash",
        ),
        sa.Column(
            "reader_version",
            sa.SmallInteger(),
            server_default="0",
            nullable=False,
            comment="which way of reading LaTeX read it",
        ),
    ):
        op.add_column("papers", column)


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    for name in (
        "read_title",
        "read_abstract",
        "formulas",
        "read_hash",
        "read_text_hash",
        "reader_version",
    ):
        op.drop_column("papers", name)
