"""index versions of the search column"""

from alembic import op

revision = "b7d93f1c60e8"
down_revision = "a1c04e7d92b5"
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
)


def upgrade() -> None:
    """Beside readers and writers. Alone in its migration, so that one that broke off can begin again."""
    downgrade()
    with op.get_context().autocommit_block():
        op.create_index(
            "papers_search_version_idx", "papers", ["search_version", "id"], postgresql_concurrently=True
        )


def downgrade() -> None:
    with op.get_context().autocommit_block():
        op.drop_index("papers_search_version_idx", "papers", postgresql_concurrently=True, if_exists=True)
