"""create the queue

Procrastinate's schema as its release 3.10 has it, frozen: what its package gives changes with every release.
"""

from pathlib import Path

from alembic import op

revision = "4b7e1c90d2aa"
down_revision = "c972226428e2"
branch_labels = None
depends_on = None

works_with: tuple[str, ...] = ()

SCHEMA = Path(__file__).parents[1] / "procrastinate_3_10.sql"


def upgrade() -> None:
    op.execute("CREATE SCHEMA jobs")
    op.execute("SET LOCAL search_path TO jobs")
    # psycopg itself takes many statements at once and leaves % as it is.
    op.get_bind().connection.driver_connection.execute(SCHEMA.read_text(encoding="utf-8"))
    op.execute("SET LOCAL search_path TO public")


def downgrade() -> None:
    op.execute("DROP SCHEMA jobs CASCADE")
