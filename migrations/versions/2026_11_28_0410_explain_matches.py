"""explain matches"""

import sqlalchemy as sa
from alembic import op

revision = "9b3f60d2c8e4"
down_revision = "e9c41d7a05b3"
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
    "b90d4e7c15fa",
    "d94e6b1f3a70",
    "b6d17f30c8e2",
    "c8f5d20a7e36",
    "a3e9c61b40d7",
    "a3e91c57d204",
    "f27b60d9a1c8",
    "f2b81c6e40d7",
    "c4a7d19e52f0",
    "c61d8f0a2b93",
    "e7b30d95c1f4",
    "e7c3a95b1d60",
    "b51d7f0c28ea",
    "d4709be2c15f",
    "8c2e5f71a0d3",
    "b8e4c27f90a1",
    "d57e1b83f6a0",
    "e9c41d7a05b3",
)


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.add_column(
        "topics",
        sa.Column(
            "explain",
            sa.Boolean(),
            server_default=sa.text("false"),
            nullable=False,
            comment="whether a model may read its words, to say why papers match",
        ),
    )
    op.add_column(
        "text_days",
        sa.Column("explanations", sa.Integer(), server_default=sa.text("0"), nullable=False),
    )
    op.create_table(
        "match_explanations",
        sa.Column("topic_id", sa.Integer(), nullable=False),
        sa.Column("paper_id", sa.String(length=40), nullable=False),
        sa.Column(
            "topic_hash", sa.String(length=32), nullable=False, comment="MD5 of the topic's words that were read"
        ),
        sa.Column("language", sa.String(length=8), nullable=False),
        sa.Column(
            "source_hash",
            sa.String(length=32),
            nullable=False,
            comment="of the title and abstract that were read",
        ),
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("prompt_version", sa.SmallInteger(), nullable=False),
        sa.Column("content", sa.Text(), nullable=True, comment="NULL: refused"),
        sa.Column("refusal", sa.String(length=16), nullable=True, comment="why the last answer was not taken"),
        sa.Column("attempts", sa.SmallInteger(), nullable=False),
        sa.Column("tokens_read", sa.Integer(), nullable=False, comment="by the model, all attempts"),
        sa.Column("tokens_written", sa.Integer(), nullable=False, comment="by the model, all attempts"),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("(content IS NULL) <> (refusal IS NULL)", name=op.f("match_explanations_outcome_check")),
        sa.ForeignKeyConstraint(
            ["topic_id"], ["topics.id"], name=op.f("match_explanations_topic_id_fkey"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["paper_id"], ["papers.id"], name=op.f("match_explanations_paper_id_fkey"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("topic_id", "paper_id", name=op.f("match_explanations_pkey")),
    )
    op.create_index("match_explanations_paper_id_idx", "match_explanations", ["paper_id", "topic_hash"])


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.drop_table("match_explanations")
    op.drop_column("text_days", "explanations")
    op.drop_column("topics", "explain")
