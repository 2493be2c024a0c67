"""add channels"""

import sqlalchemy as sa
from alembic import op

revision = "c4a7d19e52f0"
down_revision = "f2b81c6e40d7"
branch_labels = None
depends_on = None

# Older revisions whose code still works on this schema: name them while a migration only adds. A sender of
# such a release would try the digests of channels by mail, to what is no address: a server refuses that.
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
)


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.add_column(
        "subscriptions",
        sa.Column(
            "by_channel",
            sa.Boolean(),
            server_default="false",
            nullable=False,
            comment="its digests go to the channel in `channels`",
        ),
    )
    op.add_column(
        "subscriptions",
        sa.Column("minute", sa.SmallInteger(), server_default="0", nullable=False, comment="of that hour"),
    )
    op.add_column(
        "subscriptions",
        sa.Column(
            "min_band",
            sa.String(16),
            nullable=True,
            comment="the lowest fit that comes; NULL: what the topics show",
        ),
    )
    op.create_table(
        "channels",
        sa.Column("subscription_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("name", sa.Text(), nullable=False, comment="what its reader calls it"),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("hint", sa.Text(), nullable=False, comment="the host or service, which is no secret"),
        sa.Column(
            "secrets", sa.LargeBinary(), nullable=False, comment="the address and the signing key, encrypted"
        ),
        sa.Column(
            "test_due_at",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="when the message with the code is due; NULL: none is",
        ),
        sa.Column("test_attempts", sa.SmallInteger(), server_default="0", nullable=False),
        sa.Column(
            "test_response",
            sa.Text(),
            server_default="",
            nullable=False,
            comment="of the other side to the last one",
        ),
        sa.Column("code_hash", sa.Text(), nullable=True, comment="of the code that was sent there"),
        sa.Column("code_expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column(
            "code_attempts",
            sa.SmallInteger(),
            server_default="0",
            nullable=False,
            comment="wrong codes that were given",
        ),
        sa.Column(
            "stopped_because",
            sa.Text(),
            server_default="",
            nullable=False,
            comment="why the program stopped it; empty: it didn't",
        ),
        sa.Column(
            "notice_due_at",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="when the mail that tells its reader of that is due; NULL: none is",
        ),
        sa.CheckConstraint(
            "kind IN ('webhook', 'slack', 'discord', 'telegram', 'apprise')", name=op.f("channels_kind_check")
        ),
        sa.ForeignKeyConstraint(
            ["subscription_id"],
            ["subscriptions.id"],
            name=op.f("channels_subscription_id_fkey"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("subscription_id", name=op.f("channels_pkey")),
    )
    op.create_index("channels_test_due_at_idx", "channels", ["test_due_at"])
    op.create_index("channels_notice_due_at_idx", "channels", ["notice_due_at"])


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.execute("DELETE FROM subscriptions WHERE by_channel")
    op.drop_table("channels")
    op.drop_column("subscriptions", "min_band")
    op.drop_column("subscriptions", "minute")
    op.drop_column("subscriptions", "by_channel")
