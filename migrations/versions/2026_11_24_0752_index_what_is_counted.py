"""index what is counted: vectors, and the authors of a month"""

import sqlalchemy as sa
from alembic import op

revision = "f3b86a0d9e17"
down_revision = "c92e5d14f8a6"
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
)


def upgrade() -> None:
    """Beside readers and writers. Alone in its migration, so that one that broke off can begin again."""
    downgrade()
    with op.get_context().autocommit_block():
        op.create_index(
            "papers_listed_on_idx",
            "papers",
            [sa.text("listed_on DESC"), "id"],
            postgresql_include=["text_hash"],
            postgresql_concurrently=True,
        )
        op.create_index(
            "embeddings_state_idx",
            "embeddings",
            ["model_id", "paper_id"],
            postgresql_include=["text_hash", "failures", "next_try_at"],
            postgresql_concurrently=True,
        )
        op.create_index(
            "authors_shown_idx",
            "authors",
            ["paper_id"],
            postgresql_include=["name"],
            postgresql_where=sa.text("NOT hidden"),
            postgresql_concurrently=True,
        )


def downgrade() -> None:
    with op.get_context().autocommit_block():
        op.drop_index("papers_listed_on_idx", "papers", postgresql_concurrently=True, if_exists=True)
        op.drop_index("embeddings_state_idx", "embeddings", postgresql_concurrently=True, if_exists=True)
        op.drop_index("authors_shown_idx", "authors", postgresql_concurrently=True, if_exists=True)
