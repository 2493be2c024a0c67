"""add DOIs"""

import sqlalchemy as sa
from alembic import op

revision = "b3f07a9e61d4"
down_revision = "d1e5a7c0b942"
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
)


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.add_column(
        "papers",
        sa.Column(
            "doi",
            sa.String(200),
            nullable=True,
            comment="the publisher's, in lower case; NULL: arXiv told none",
        ),
    )


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.drop_column("papers", "doi")
