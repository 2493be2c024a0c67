"""index what is to be read"""

import sqlalchemy as sa
from alembic import op

revision = "f0a92c7e51d8"
down_revision = "e4b81d6f20c3"
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
)


def upgrade() -> None:
    """Beside readers and writers. Alone in its migration, so that one that broke off can begin again."""
    downgrade()
    with op.get_context().autocommit_block():
        op.create_index(
            "papers_listed_texts_idx",
            "papers",
            [sa.text("listed_on DESC"), "id"],
            postgresql_include=["text_hash", "read_hash", "read_text_hash"],
            postgresql_concurrently=True,
        )
        op.create_index(
            "papers_reader_version_idx", "papers", ["reader_version", "id"], postgresql_concurrently=True
        )
        op.create_index(
            "papers_unread_idx",
            "papers",
            ["id"],
            postgresql_where=sa.text("read_hash IS DISTINCT FROM text_hash"),
            postgresql_concurrently=True,
        )


def downgrade() -> None:
    with op.get_context().autocommit_block():
        for name in ("papers_listed_texts_idx", "papers_reader_version_idx", "papers_unread_idx"):
            op.drop_index(name, "papers", postgresql_concurrently=True, if_exists=True)
