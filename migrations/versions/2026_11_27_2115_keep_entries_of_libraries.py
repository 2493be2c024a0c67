"""keep entries of libraries"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "b90d4e7c15fa"
down_revision = "a7c24e91d3b5"
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
    "e4b81d6f20c3",
    "f0a92c7e51d8",
    "c3f1a7e08d54",
    "d4b82f6a1c93",
    "a7c24e91d3b5",
)


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.add_column(
        "topics",
        sa.Column(
            "library_report",
            postgresql.JSONB(),
            nullable=True,
            comment="what became of the last library that was given: counts",
        ),
    )
    op.create_table(
        "topic_library_entries",
        sa.Column("topic_id", sa.Integer(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False, comment="in the order of the file"),
        sa.Column("state", sa.String(8), nullable=False),
        sa.Column("label", sa.Text(), nullable=False, comment="what the reader would know it by"),
        sa.Column("arxiv_id", sa.String(40), server_default="", nullable=False),
        sa.Column("title", sa.Text(), server_default="", nullable=False),
        sa.Column("abstract", sa.Text(), server_default="", nullable=False),
        sa.Column("reason", sa.Text(), server_default="", nullable=False, comment="why it is not used"),
        sa.Column("tries", sa.Integer(), server_default="0", nullable=False),
        sa.Column("next_try_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("model_id", sa.Integer(), nullable=True, comment="whose vector it is"),
        sa.Column("vector", sa.LargeBinary(), nullable=True, comment="half precision; NULL: refused"),
        sa.CheckConstraint(
            "state IN ('text', 'waiting', 'fetched', 'missing')", name=op.f("topic_library_entries_state_check")
        ),
        sa.ForeignKeyConstraint(
            ["topic_id"], ["topics.id"], name=op.f("topic_library_entries_topic_id_fkey"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("topic_id", "number", name=op.f("topic_library_entries_pkey")),
    )
    op.create_index(
        "topic_library_entries_due_idx",
        "topic_library_entries",
        ["next_try_at"],
        postgresql_where=sa.text("next_try_at IS NOT NULL"),
    )
    op.create_index(
        "topic_library_entries_model_id_idx",
        "topic_library_entries",
        ["model_id"],
        postgresql_where=sa.text("state IN ('text', 'fetched')"),
    )


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.drop_table("topic_library_entries")
    op.drop_column("topics", "library_report")
