"""add address notices: both addresses are told of a change, and the earlier one can undo it"""

import sqlalchemy as sa
from alembic import op

revision = "b8e4027d96fa"
down_revision = "b7d93f1c60e8"
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
)


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.create_table(
        "address_notices",
        sa.Column("id", sa.Integer(), sa.Identity(), nullable=False),
        sa.Column("reader_id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=10), nullable=False),
        sa.Column("email", sa.Text(), nullable=False, comment="who is told"),
        sa.Column("other_email", sa.Text(), nullable=False, comment="of the other side of the change"),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=True, comment="of the mail; NULL: sent"),
        sa.Column("token_hash", sa.Text(), nullable=True, comment="of the link that undoes the change"),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True, comment="of that link"),
        sa.CheckConstraint("kind IN ('changed', 'confirmed', 'undone')", name="kind"),
        sa.ForeignKeyConstraint(["reader_id"], ["readers.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("token_hash"),
    )
    op.create_index("address_notices_reader_id_idx", "address_notices", ["reader_id"])
    op.create_index("address_notices_due_at_idx", "address_notices", ["due_at"])
    op.create_index("address_notices_made_at_idx", "address_notices", ["made_at"])


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.drop_table("address_notices")
