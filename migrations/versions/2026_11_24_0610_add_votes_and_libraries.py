"""add votes and libraries"""

import sqlalchemy as sa
from alembic import op

revision = "5e0c7d3a9b14"
down_revision = "c5f8e2a91b30"
branch_labels = None
depends_on = None

# Older revisions whose code still works on this schema: name them while a migration only adds.
works_with: tuple[str, ...] = (
    "4b7e1c90d2aa",
    "7d1f0a52c3be",
    "93c6b8e014da",
    "a4d20b7f6c15",
    "c5f8e2a91b30",
)


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.create_table(
        "removed_papers",
        sa.Column("paper_id", sa.String(length=40), nullable=False),
        sa.Column("removed_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("paper_id", name="removed_papers_pkey"),
    )
    op.create_table(
        "submissions",
        sa.Column("id", sa.Integer(), sa.Identity(always=False), nullable=False),
        sa.Column("reader_id", sa.Integer(), nullable=False),
        sa.Column("paper_id", sa.String(length=40), nullable=False),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column(
            "state",
            sa.String(8),
            nullable=False,
        ),
        sa.Column("tries", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("next_try_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("error", sa.Text(), nullable=True, comment="why it failed, in words for the reader"),
        sa.CheckConstraint("state IN ('waiting', 'listed', 'failed')", name="submissions_state_check"),
        sa.ForeignKeyConstraint(
            ["reader_id"], ["readers.id"], name="submissions_reader_id_fkey", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name="submissions_pkey"),
    )
    op.create_index(
        "submissions_due_idx",
        "submissions",
        ["next_try_at"],
        postgresql_where=sa.text("next_try_at IS NOT NULL"),
    )
    op.create_index("submissions_reader_id_idx", "submissions", ["reader_id", "asked_at"])
    op.create_table(
        "saved_papers",
        sa.Column("reader_id", sa.Integer(), nullable=False),
        sa.Column("paper_id", sa.String(length=40), nullable=False),
        sa.Column("saved_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("read_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("note", sa.Text(), server_default="", nullable=False),
        sa.ForeignKeyConstraint(
            ["paper_id"], ["papers.id"], name="saved_papers_paper_id_fkey", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["reader_id"], ["readers.id"], name="saved_papers_reader_id_fkey", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("reader_id", "paper_id", name="saved_papers_pkey"),
    )
    op.create_index(
        "saved_papers_order_idx",
        "saved_papers",
        ["reader_id", sa.literal_column("saved_at DESC"), "paper_id"],
    )
    op.create_index("saved_papers_paper_id_idx", "saved_papers", ["paper_id"])
    op.create_table(
        "upvotes",
        sa.Column("paper_id", sa.String(length=40), nullable=False),
        sa.Column("reader_id", sa.Integer(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["paper_id"], ["papers.id"], name="upvotes_paper_id_fkey", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["reader_id"], ["readers.id"], name="upvotes_reader_id_fkey", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("paper_id", "reader_id", name="upvotes_pkey"),
    )
    op.create_index("upvotes_reader_id_idx", "upvotes", ["reader_id", "at"])
    op.add_column(
        "papers",
        sa.Column(
            "local_upvotes",
            sa.Integer(),
            server_default=sa.text("0"),
            nullable=False,
            comment="by readers here, beside the feed's",
        ),
    )


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.drop_column("papers", "local_upvotes")
    op.drop_table("upvotes")
    op.drop_table("saved_papers")
    op.drop_table("submissions")
    op.drop_table("removed_papers")
