"""measure the catalogue and match topics"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "e1a94d7c3f52"
down_revision = "d8a1c5e07f42"
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
)

MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.create_table(
        "measured_catalogues",
        sa.Column("id", sa.Integer(), sa.Identity(always=False), nullable=False),
        sa.Column("measured_at", MOMENT, nullable=False),
        sa.Column(
            "papers",
            sa.Integer(),
            nullable=False,
            comment="in the whole catalogue, with a vector if it has a model",
        ),
        sa.Column("model_id", sa.Integer(), nullable=True),
        sa.Column(
            "digest",
            sa.Text(),
            nullable=False,
            comment="SHA-256 of what is packed; processes keep it by this",
        ),
        sa.Column("packed", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["model_id"],
            ["embedding_models.id"],
            name="measured_catalogues_model_id_fkey",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name="measured_catalogues_pkey"),
    )
    op.create_index("measured_catalogues_model_id_idx", "measured_catalogues", ["model_id"])
    op.create_table(
        "topic_directions",
        sa.Column("topic_id", sa.Integer(), nullable=False),
        sa.Column("measured_id", sa.Integer(), nullable=False, comment="the version that it is of"),
        sa.Column("changed_at", MOMENT, nullable=False),
        sa.Column(
            "packed",
            sa.LargeBinary(),
            nullable=True,
            comment="NULL: nothing is known of what it likes",
        ),
        sa.Column(
            "text_hash", sa.String(32), nullable=True, comment="of the reader's words, if embedded"
        ),
        sa.Column("text_vector", sa.LargeBinary(), nullable=True, comment="half precision"),
        sa.ForeignKeyConstraint(
            ["topic_id"], ["topics.id"], name="topic_directions_topic_id_fkey", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("topic_id", name="topic_directions_pkey"),
    )
    op.create_table(
        "topic_days",
        sa.Column("topic_id", sa.Integer(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column(
            "measured_id", sa.Integer(), nullable=False, comment="the version that all its scores are of"
        ),
        sa.Column("changed_at", MOMENT, nullable=False),
        sa.Column(
            "papers_hash",
            sa.String(32),
            nullable=False,
            comment="of the day's papers, texts and vectors",
        ),
        sa.Column("matches", postgresql.JSONB(), nullable=False, comment="best first"),
        sa.ForeignKeyConstraint(
            ["topic_id"], ["topics.id"], name="topic_days_topic_id_fkey", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("topic_id", "day", name="topic_days_pkey"),
    )
    op.create_index("topic_days_day_idx", "topic_days", ["day"])


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.drop_table("topic_days")
    op.drop_table("topic_directions")
    op.drop_table("measured_catalogues")
