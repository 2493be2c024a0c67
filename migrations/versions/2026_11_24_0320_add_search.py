"""add search"""

import sqlalchemy as sa
from alembic import context, op
from sqlalchemy.dialects import postgresql

from paperround.text.words import normalise_words

revision = "7d1f0a52c3be"
down_revision = "4b7e1c90d2aa"
branch_labels = None
depends_on = None

# Older revisions whose code still works on this schema: name them while a migration only adds.
works_with: tuple[str, ...] = ("4b7e1c90d2aa",)

BATCH = 1000

FILL = sa.text("""
    UPDATE papers SET search = setweight(given.title, 'A') || setweight(given.abstract, 'B')
        || setweight(given.names, 'C') || setweight(given.stemmed, 'C')
        || array_to_tsvector(ARRAY(SELECT '=' || lexeme FROM unnest(given.title)))
    FROM (
        SELECT id, to_tsvector('english', title) AS title, to_tsvector('english', abstract) AS abstract,
            to_tsvector('simple', names) AS names, to_tsvector('english', names) AS stemmed
        FROM unnest(CAST(:ids AS text[]), CAST(:titles AS text[]), CAST(:abstracts AS text[]),
            CAST(:names AS text[])) AS given (id, title, abstract, names)
        OFFSET 0
    ) AS given
    WHERE papers.id = given.id
""")
PAPERS = sa.text("""
    SELECT id, title, abstract, coalesce((
        SELECT string_agg(name, ' ' ORDER BY position) FROM authors WHERE paper_id = papers.id AND NOT hidden
    ), '') AS names
    FROM papers WHERE id > :after ORDER BY id LIMIT :batch
""")


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.add_column(
        "papers",
        sa.Column(
            "search",
            postgresql.TSVECTOR(),
            nullable=True,
            comment="what it is found by; NULL: not yet indexed",
        ),
    )
    op.create_table(
        "lexemes",
        sa.Column("lexeme", sa.Text(), nullable=False),
        sa.Column("documents", sa.Integer(), nullable=False, comment="how many papers have it"),
        sa.PrimaryKeyConstraint("lexeme", name=op.f("lexemes_pkey")),
    )
    if not context.is_offline_mode():
        fill(op.get_bind())
    # After the rows: an index is built many times as fast as it is filled.
    op.create_index(
        "papers_search_idx",
        "papers",
        ["search"],
        unique=False,
        postgresql_using="gin",
        postgresql_with={"fastupdate": "off"},
    )
    op.create_index(
        "papers_unsearchable_idx",
        "papers",
        ["id"],
        unique=False,
        postgresql_where=sa.text("search IS NULL"),
    )


def fill(connection: sa.Connection) -> None:
    """Accents are folded in Python, so the texts come by here."""
    after = ""
    while papers := connection.execute(PAPERS, {"after": after, "batch": BATCH}).all():
        connection.execute(
            FILL,
            {
                "ids": [paper.id for paper in papers],
                "titles": [normalise_words(paper.title) for paper in papers],
                "abstracts": [normalise_words(paper.abstract) for paper in papers],
                "names": [normalise_words(paper.names) for paper in papers],
            },
        )
        after = papers[-1].id


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.drop_table("lexemes")
    op.drop_index("papers_unsearchable_idx", table_name="papers")
    op.drop_index("papers_search_idx", table_name="papers")
    op.drop_column("papers", "search")
