"""add fits: how probable a match is, how strict a topic is, and the constants of a model"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "c4f17b92e0d5"
down_revision = "e5a90c3d7b16"
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
)


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.add_column(
        "embedding_models",
        sa.Column(
            "fit_constants",
            postgresql.JSONB(none_as_null=True, astext_type=sa.Text()),
            nullable=True,
            comment="made by `paperround fit`; NULL: what we ship for the model, if anything",
        ),
    )
    op.add_column(
        "topics",
        sa.Column(
            "min_band",
            sa.String(length=16),
            server_default=sa.text("'good'"),
            nullable=False,
            comment="the lowest that is shown",
        ),
    )
    op.create_check_constraint("min_band", "topics", "min_band IN ('strong', 'good', 'possible')")
    op.add_column(
        "topic_days",
        sa.Column(
            "fits",
            postgresql.ARRAY(sa.REAL()),
            nullable=True,
            comment="of the matches, in their order",
        ),
    )
    op.add_column(
        "topic_days",
        sa.Column(
            "fits_hash",
            sa.String(length=32),
            nullable=True,
            comment="the papers_hash that the fits belong to; the release before sets that one alone",
        ),
    )


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.drop_column("topic_days", "fits_hash")
    op.drop_column("topic_days", "fits")
    op.drop_constraint("min_band", "topics", type_="check")
    op.drop_column("topics", "min_band")
    op.drop_column("embedding_models", "fit_constants")
