"""keep fits by themselves"""

import sqlalchemy as sa
from alembic import op

revision = "d8e2b5a70c41"
down_revision = "c1d7f40b92ea"
branch_labels = None
depends_on = None

# Older revisions whose code still works on this schema: name them while a migration only adds.
works_with: tuple[str, ...] = (
    "c1d7f40b92ea",
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
    "9b3f60d2c8e4",
)


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")  # don't queue behind a long transaction, and everybody behind us
    op.create_table(
        "topic_fits",
        sa.Column("topic_id", sa.Integer(), nullable=False),
        sa.Column("measured_id", sa.Integer(), nullable=False, comment="the version that it is of"),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column(
            "packed",
            sa.LargeBinary(),
            nullable=False,
            comment="begins with the digest of its constants",
        ),
        sa.ForeignKeyConstraint(
            ["topic_id"], ["topics.id"], name="topic_fits_topic_id_fkey", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("topic_id", name="topic_fits_pkey"),
    )
    # In the row itself and as it is: from a TOAST table, three times as much is read, and numbers don't shrink.
    op.execute("ALTER TABLE topic_fits SET (toast_tuple_target = 8160)")
    op.execute("ALTER TABLE topic_fits ALTER packed SET STORAGE MAIN")


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.drop_table("topic_fits")
