"""index votes"""

import sqlalchemy as sa
from alembic import op

revision = "8a61f4c2d7e3"
down_revision = "5e0c7d3a9b14"
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
)


def upgrade() -> None:
    """Beside readers and writers. Alone in its migration, so that one that broke off can begin again."""
    replace("papers_upvotes_idx", "papers_votes_idx", "(upvotes + local_upvotes) DESC")


def downgrade() -> None:
    replace("papers_votes_idx", "papers_upvotes_idx", "upvotes DESC")


def replace(old: str, new: str, order: str) -> None:
    with op.get_context().autocommit_block():
        op.drop_index(new, table_name="papers", postgresql_concurrently=True, if_exists=True)
        op.create_index(new, "papers", [sa.text(order), "id"], postgresql_concurrently=True)
        op.drop_index(old, table_name="papers", postgresql_concurrently=True, if_exists=True)
