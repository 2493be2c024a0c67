"""add prefixes of models"""

import sqlalchemy as sa
from alembic import op

revision = "a7c24e91d3b5"
down_revision = "d4b82f6a1c93"
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
)


# Models that want this before questions; the vectors of papers stay as they are.
PASSAGES = "Represent this sentence for searching relevant passages: "
WANTS_PASSAGES = r"(bge-(small|base|large)-en|arctic-embed-(xs|s|m|l)(-v1\.5|-long)?$|mdbr-leaf-|mxbai-embed-)"


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    for name, comment in (
        ("query_prefix", "goes before what somebody asks or follows"),
        ("paper_prefix", "goes before the text of a paper"),
    ):
        op.add_column(
            "embedding_models",
            sa.Column(name, sa.Text(), server_default="", nullable=False, comment=comment),
        )
    models = sa.table("embedding_models", sa.column("name", sa.Text), sa.column("query_prefix", sa.Text))
    wanting = models.c.name.regexp_match(WANTS_PASSAGES, flags="i")
    op.execute(models.update().where(wanting).values(query_prefix=PASSAGES))


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.drop_column("embedding_models", "paper_prefix")
    op.drop_column("embedding_models", "query_prefix")
