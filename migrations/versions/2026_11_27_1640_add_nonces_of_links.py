"""add nonces of links: after a restored backup a number may be another's"""

import sqlalchemy as sa
from alembic import op

revision = "a6d3f81c5b27"
down_revision = "f3b86a0d9e17"
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
)

COMMENTS = {
    "nonce": "in links that work for good",
    "address_nonce": "in links for whoever has the address",
}


def upgrade() -> None:
    """Rows that are there, and those that the release before writes, have none: their links have none."""
    op.execute("SET LOCAL lock_timeout = '5s'")
    for name, comment in COMMENTS.items():
        op.add_column(
            "subscriptions", sa.Column(name, sa.Text(), server_default="", nullable=False, comment=comment)
        )


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    for name in COMMENTS:
        op.drop_column("subscriptions", name)
