"""tell of changes to the catalogue"""

import sqlalchemy as sa
from alembic import op

revision = "d4b82f6a1c93"
down_revision = "c3f1a7e08d54"
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
)

SCOPES = {
    "papers": (
        "papers", "authors", "organizations", "listings", "signals", "upvotes", "trending_state",
        "feeds", "feed_days", "readings", "quarantine",
    ),
    "vectors": ("embedding_models", "embeddings", "lexemes"),
}  # fmt: skip

# Once a transaction and scope: the name of the setting holds the transaction's number until it ends, or until
# the savepoint is rolled back with which the row in catalogue_changes goes too.
NOTE = """
CREATE FUNCTION note_catalogue_change() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  mark text := 'paperround.changed_' || TG_ARGV[0];
BEGIN
  IF current_setting(mark, true) IS DISTINCT FROM pg_current_xact_id()::text THEN
    PERFORM set_config(mark, pg_current_xact_id()::text, true);
    INSERT INTO public.catalogue_changes (scope) VALUES (TG_ARGV[0]);
  END IF;
  RETURN NULL;
END
$$
"""
# It runs at the commit, so that writers wait for each other's commit at most, never for a whole transaction.
# One row has both versions: with two, transactions that changed both could lock them in either order.
TELL = """
CREATE FUNCTION tell_catalogue_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  DELETE FROM public.catalogue_changes WHERE id = NEW.id;
  UPDATE public.catalogue_version SET
    papers = papers + (NEW.scope = 'papers')::int,
    vectors = vectors + (NEW.scope = 'vectors')::int;
  NOTIFY catalogue;
  RETURN NULL;
END
$$
"""


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.create_table(
        "catalogue_version",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("papers", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("vectors", sa.BigInteger(), server_default="0", nullable=False),
        sa.PrimaryKeyConstraint("id", name="catalogue_version_pkey"),
    )
    op.execute("INSERT INTO catalogue_version (id) VALUES (1)")
    op.create_table(
        "catalogue_changes",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("scope", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="catalogue_changes_pkey"),
        prefixes=["UNLOGGED"],
    )
    op.execute(NOTE)
    op.execute(TELL)
    op.execute(
        "CREATE CONSTRAINT TRIGGER tell_change AFTER INSERT ON catalogue_changes"
        " DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION tell_catalogue_change()"
    )
    for scope, tables in SCOPES.items():
        for table in tables:
            op.execute(
                f"CREATE TRIGGER note_change AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON {table}"
                f" FOR EACH STATEMENT EXECUTE FUNCTION note_catalogue_change('{scope}')"
            )


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    for table in (name for names in SCOPES.values() for name in names):
        op.execute(f"DROP TRIGGER note_change ON {table}")
    op.drop_table("catalogue_changes")
    op.drop_table("catalogue_version")
    op.execute("DROP FUNCTION note_catalogue_change()")
    op.execute("DROP FUNCTION tell_catalogue_change()")
