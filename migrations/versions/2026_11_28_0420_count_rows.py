"""count rows as they are written"""

import sqlalchemy as sa
from alembic import op

revision = "c1d7f40b92ea"
down_revision = "9b3f60d2c8e4"
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

# What is counted of each table, and the expression that gives a row's kind.
COUNTED = {
    "papers": "''",
    "embeddings": "model_id || CASE WHEN failures = 0 THEN ' vector' ELSE ' refusal' END",
    "subscriptions": "state",
}
# The numbers of papers never change by an update, and those of a bulk update are wide rows to keep aside.
EVENTS = {
    "papers": ("INSERT", "DELETE"),
    "embeddings": ("INSERT", "UPDATE", "DELETE"),
    "subscriptions": ("INSERT", "UPDATE", "DELETE"),
}
SEEN = {
    "INSERT": "REFERENCING NEW TABLE AS added",
    "UPDATE": "REFERENCING NEW TABLE AS added OLD TABLE AS gone",
    "DELETE": "REFERENCING OLD TABLE AS gone",
}
# Each statement adds rows of its own, so that writers never wait for each other.
COUNT = """
CREATE FUNCTION count_rows() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  kind text := TG_ARGV[0];
  changes text;
BEGIN
  IF TG_OP = 'TRUNCATE' THEN
    INSERT INTO public.row_counts (relation, kind, change)
      SELECT relation, counted.kind, -sum(change) FROM public.row_counts AS counted
      WHERE relation = TG_TABLE_NAME GROUP BY relation, counted.kind;
    RETURN NULL;
  ELSIF TG_OP = 'INSERT' THEN
    IF NOT EXISTS (SELECT FROM added) THEN RETURN NULL; END IF;
    changes := format('SELECT %s AS kind, 1 AS change FROM added', kind);
  ELSIF TG_OP = 'DELETE' THEN
    IF NOT EXISTS (SELECT FROM gone) THEN RETURN NULL; END IF;
    changes := format('SELECT %s AS kind, -1 AS change FROM gone', kind);
  ELSE
    IF NOT EXISTS (SELECT FROM added) THEN RETURN NULL; END IF;
    changes := format(
      'SELECT %1$s AS kind, 1 AS change FROM added UNION ALL SELECT %1$s, -1 FROM gone', kind);
  END IF;
  EXECUTE format(
    'INSERT INTO public.row_counts (relation, kind, change)'
    ' SELECT %L, kind, sum(change) FROM (%s) AS changes GROUP BY kind HAVING sum(change) <> 0',
    TG_TABLE_NAME, changes);
  RETURN NULL;
END
$$
"""
NOTE_TEXT = """
CREATE FUNCTION note_changed_text() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO public.changed_texts (paper_id, changed_at) VALUES (NEW.id, clock_timestamp());
  RETURN NULL;
END
$$
"""
WHEN_TEXT_CHANGES = " OR ".join(
    f"OLD.{name} IS DISTINCT FROM NEW.{name}" for name in ("text_hash", "read_hash", "read_text_hash")
)
# What may have a vector of an earlier text, now or once the batch is written that somebody embeds just now.
NOTE_STORED_TEXTS = """
INSERT INTO changed_texts (paper_id, changed_at)
SELECT paper.id, clock_timestamp() FROM papers paper
WHERE EXISTS (
  SELECT FROM embedding_models model WHERE NOT EXISTS (
    SELECT FROM embeddings WHERE model_id = model.id AND paper_id = paper.id
    AND embeddings.text_hash = CASE WHEN paper.read_hash = paper.text_hash
      THEN coalesce(paper.read_text_hash, paper.text_hash) ELSE paper.text_hash END))
"""


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.create_table(
        "row_counts",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("relation", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("change", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="row_counts_pkey"),
    )
    op.create_table(
        "changed_texts",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("paper_id", sa.String(length=40), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name="changed_texts_pkey"),
    )
    op.execute(COUNT)
    op.execute(NOTE_TEXT)
    op.execute(
        "CREATE TRIGGER note_changed_text AFTER UPDATE ON papers"
        f" FOR EACH ROW WHEN ({WHEN_TEXT_CHANGES}) EXECUTE FUNCTION note_changed_text()"
    )
    for table, kind in COUNTED.items():
        argument = kind.replace("'", "''")
        for event in EVENTS[table]:
            op.execute(
                f"CREATE TRIGGER count_{event.lower()} AFTER {event} ON {table} {SEEN[event]}"
                f" FOR EACH STATEMENT EXECUTE FUNCTION count_rows('{argument}')"
            )
        op.execute(
            f"CREATE TRIGGER count_truncate AFTER TRUNCATE ON {table}"
            f" FOR EACH STATEMENT EXECUTE FUNCTION count_rows('{argument}')"
        )
        # The triggers keep other writers away until the commit, so nothing is missed or counted twice.
        op.execute(
            f"INSERT INTO row_counts (relation, kind, change)"
            f" SELECT '{table}', {kind}, count(*) FROM {table} GROUP BY 2"
        )
    op.execute(NOTE_STORED_TEXTS)


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    for table, events in EVENTS.items():
        for event in (*events, "TRUNCATE"):
            op.execute(f"DROP TRIGGER count_{event.lower()} ON {table}")
    op.execute("DROP TRIGGER note_changed_text ON papers")
    op.execute("DROP FUNCTION note_changed_text()")
    op.execute("DROP FUNCTION count_rows()")
    op.drop_table("changed_texts")
    op.drop_table("row_counts")
