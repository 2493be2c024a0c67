"""add arXiv"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "93c6b8e014da"
down_revision = "7d1f0a52c3be"
branch_labels = None
depends_on = None

# Older revisions whose code still works on this schema: name them while a migration only adds.
works_with: tuple[str, ...] = ("4b7e1c90d2aa", "7d1f0a52c3be")

MOMENT = sa.DateTime(timezone=True)
KINDS = "kind IN ('new', 'cross', 'replace', 'replace-cross')"
def columns() -> list[sa.Column]:
    return [
        sa.Column(
            "categories", postgresql.ARRAY(sa.Text()), nullable=True, comment="the primary one first"
        ),
        sa.Column("version", sa.Integer(), nullable=True, comment="the latest that arXiv told of"),
        sa.Column("revised_at", MOMENT, nullable=True, comment="when that version came; NULL: the first"),
        sa.Column("withdrawn_at", MOMENT, nullable=True, comment="by the hub's word"),
        sa.Column("withdrawn_on_arxiv", sa.Boolean(), nullable=True),
        sa.Column(
            "sources",
            postgresql.JSONB(),
            server_default=sa.text("'{}'::jsonb"),
            nullable=False,
            comment="which feed told a field that both tell, where it wasn't the hub",
        ),
        sa.Column("hub_seen_at", MOMENT, nullable=True, comment="the same, of the hub's alone"),
        sa.Column("arxiv_seen_at", MOMENT, nullable=True, comment="the same, of arXiv's alone"),
    ]


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    for column in columns():
        op.add_column("papers", column)
    op.execute("UPDATE papers SET hub_seen_at = seen_at")  # there was no other feed
    op.alter_column(
        "papers",
        "listed_on",
        comment="the day of its earliest listing, replacements left out",
        existing_comment="the day of its earliest listing",
        existing_type=sa.Date(),
        existing_nullable=False,
    )
    op.create_index("papers_categories_idx", "papers", ["categories"], postgresql_using="gin")
    op.add_column(
        "listings",
        sa.Column("kind", sa.Text(), nullable=True, comment="how arXiv announced it; NULL on the hub's lists"),
    )
    op.create_check_constraint(op.f("listings_kind_check"), "listings", KINDS)


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.drop_constraint(op.f("listings_kind_check"), "listings", type_="check")
    op.drop_column("listings", "kind")
    op.drop_index("papers_categories_idx", table_name="papers")
    op.alter_column(
        "papers",
        "listed_on",
        comment="the day of its earliest listing",
        existing_comment="the day of its earliest listing, replacements left out",
        existing_type=sa.Date(),
        existing_nullable=False,
    )
    for column in reversed(columns()):
        op.drop_column("papers", column.name)
