"""renew sessions"""

import sqlalchemy as sa
from alembic import op

revision = "d8a1c5e07f42"
down_revision = "8a61f4c2d7e3"
branch_labels = None
depends_on = None

# Older revisions whose code still works on this schema: name them while a migration only adds.
works_with: tuple[str, ...] = ("4b7e1c90d2aa", "7d1f0a52c3be", "93c6b8e014da", "a4d20b7f6c15", "c5f8e2a91b30", "5e0c7d3a9b14", "8a61f4c2d7e3")


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.add_column(
        "sessions",
        sa.Column(
            "earlier_hash",
            sa.Text(),
            nullable=True,
            comment="of the token before, good for requests under way",
        ),
    )
    op.add_column(
        "sessions",
        sa.Column(
            "renewed_at", sa.DateTime(timezone=True), nullable=False, comment="when its token was made"
        ),
    )
    op.create_unique_constraint("sessions_earlier_hash_key", "sessions", ["earlier_hash"])
    op.add_column(
        "sign_in_links",
        sa.Column(
            "reader_id", sa.Integer(), nullable=True, comment="whose new address it is; NULL: to sign in"
        ),
    )
    op.add_column(
        "sign_in_links",
        sa.Column("next", sa.Text(), server_default="", nullable=False, comment="the page to go to"),
    )
    op.create_index("sign_in_links_reader_id_idx", "sign_in_links", ["reader_id"])
    op.create_foreign_key(
        "sign_in_links_reader_id_fkey", "sign_in_links", "readers", ["reader_id"], ["id"], ondelete="CASCADE"
    )


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.drop_constraint("sign_in_links_reader_id_fkey", "sign_in_links", type_="foreignkey")
    op.drop_index("sign_in_links_reader_id_idx", table_name="sign_in_links")
    op.drop_column("sign_in_links", "next")
    op.drop_column("sign_in_links", "reader_id")
    op.drop_constraint("sessions_earlier_hash_key", "sessions", type_="unique")
    op.drop_column("sessions", "renewed_at")
    op.drop_column("sessions", "earlier_hash")
