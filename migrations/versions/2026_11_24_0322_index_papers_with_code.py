"""index papers with code"""

import sqlalchemy as sa
from alembic import op

revision = "a4d20b7f6c15"
down_revision = "93c6b8e014da"
branch_labels = None
depends_on = None

# Older revisions whose code still works on this schema: name them while a migration only adds.
works_with: tuple[str, ...] = ("4b7e1c90d2aa", "7d1f0a52c3be", "93c6b8e014da")


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.create_index(
        "papers_with_code_idx", "papers", ["id"], postgresql_where=sa.text("github_url IS NOT NULL")
    )


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.drop_index("papers_with_code_idx", table_name="papers")
