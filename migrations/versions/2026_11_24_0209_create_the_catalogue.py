"""create the catalogue"""

import sqlalchemy as sa
from alembic import op
from pgvector.sqlalchemy import HALFVEC
from sqlalchemy.dialects import postgresql

revision = "c972226428e2"
down_revision = None
branch_labels = None
depends_on = None

# Older revisions whose code still works on this schema: name them while a migration only adds.
works_with: tuple[str, ...] = ()


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.execute("CREATE EXTENSION IF NOT EXISTS vector")
    op.create_table(
        "embedding_models",
        sa.Column("id", sa.Integer(), sa.Identity(always=False), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("dimensions", sa.Integer(), nullable=False),
        sa.Column(
            "state",
            sa.Enum("filling", "current", "retired", name="state", native_enum=False, length=16),
            nullable=False,
        ),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "state IN ('filling', 'current', 'retired')", name=op.f("embedding_models_state_check")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("embedding_models_pkey")),
        sa.UniqueConstraint("name", name=op.f("embedding_models_name_key")),
    )
    op.create_index(
        "embedding_models_one_current_idx",
        "embedding_models",
        ["state"],
        unique=True,
        postgresql_where=sa.text("state = 'current'"),
    )
    op.create_table(
        "feed_days",
        sa.Column("feed", sa.Text(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("next_try_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("failures", sa.Integer(), nullable=False, comment="failed readings in a row"),
        sa.Column(
            "repairs",
            sa.Integer(),
            nullable=False,
            comment="readings in a row that left records unreadable",
        ),
        sa.Column(
            "read_at", sa.DateTime(timezone=True), nullable=True, comment="last reading that did not fail"
        ),
        sa.PrimaryKeyConstraint("feed", "day", name=op.f("feed_days_pkey")),
    )
    op.create_index(
        "feed_days_due_idx",
        "feed_days",
        ["next_try_at"],
        unique=False,
        postgresql_where=sa.text("next_try_at IS NOT NULL"),
    )
    op.create_table(
        "feeds",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("follows_from", sa.Date(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("feeds_pkey")),
    )
    op.create_table(
        "organizations",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("hub_id", sa.Text(), nullable=True),
        sa.Column("full_name", sa.Text(), nullable=False),
        sa.Column("avatar_url", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("name", name=op.f("organizations_pkey")),
    )
    op.create_table(
        "quarantine",
        sa.Column("id", sa.Integer(), sa.Identity(always=False), nullable=False),
        sa.Column("feed", sa.Text(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("content_hash", sa.Text(), nullable=False),
        sa.Column("content", sa.JSON(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("paper_id", sa.Text(), nullable=True, comment="its paper, where the record still tells"),
        sa.Column("times_seen", sa.Integer(), nullable=False),
        sa.Column("first_seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column(
            "resolved_at", sa.DateTime(timezone=True), nullable=True, comment="when a later reading was good"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("quarantine_pkey")),
    )
    op.create_index("quarantine_content_key", "quarantine", ["feed", "day", "content_hash"], unique=True)
    op.create_index(
        "quarantine_open_idx",
        "quarantine",
        ["feed", "day"],
        unique=False,
        postgresql_where=sa.text("resolved_at IS NULL"),
    )
    op.create_table(
        "request_rates",
        sa.Column("host", sa.Text(), nullable=False),
        sa.Column(
            "drained_at",
            sa.DateTime(timezone=True),
            nullable=False,
            comment="when the requests let through so far are worked off",
        ),
        sa.Column(
            "paused_until", sa.DateTime(timezone=True), nullable=True, comment="the host's own Retry-After"
        ),
        sa.PrimaryKeyConstraint("host", name=op.f("request_rates_pkey")),
    )
    op.create_table(
        "trending_state",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("half_life_hours", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("trending_state_pkey")),
    )
    op.create_table(
        "papers",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("abstract", sa.Text(), nullable=False),
        sa.Column(
            "published_at", sa.DateTime(timezone=True), nullable=False, comment="else the listing time"
        ),
        sa.Column("upvotes", sa.Integer(), nullable=False),
        sa.Column("comments", sa.Integer(), nullable=True),
        sa.Column("discussion_id", sa.Text(), nullable=True),
        sa.Column("author_participates", sa.Boolean(), nullable=True),
        sa.Column("organization_name", sa.Text(), nullable=True),
        sa.Column("thumbnail_url", sa.Text(), nullable=True),
        sa.Column("media_urls", postgresql.ARRAY(sa.Text()), nullable=True),
        sa.Column("ai_summary", sa.Text(), nullable=True),
        sa.Column("ai_summary_model", sa.Text(), nullable=True),
        sa.Column("ai_keywords", postgresql.ARRAY(sa.Text()), nullable=True),
        sa.Column("project_url", sa.Text(), nullable=True),
        sa.Column("github_url", sa.Text(), nullable=True),
        sa.Column("github_stars", sa.Integer(), nullable=True),
        sa.Column("github_added_by", sa.Text(), nullable=True),
        sa.Column("listed_on", sa.Date(), nullable=False, comment="the day of its earliest listing"),
        sa.Column("heat", sa.Double(), nullable=False),
        sa.Column(
            "seen_at",
            sa.DateTime(timezone=True),
            nullable=False,
            comment="time of the last reading that was applied",
        ),
        sa.Column(
            "text_hash",
            sa.String(length=32),
            sa.Computed("md5(title || chr(10) || abstract)", persisted=True),
            nullable=False,
            comment="tells whether a vector still belongs to this text",
        ),
        sa.ForeignKeyConstraint(
            ["organization_name"], ["organizations.name"], name=op.f("papers_organization_name_fkey")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("papers_pkey")),
    )
    op.create_index("papers_heat_idx", "papers", [sa.literal_column("heat DESC"), "id"], unique=False)
    op.create_index("papers_organization_name_idx", "papers", ["organization_name"], unique=False)
    op.create_index(
        "papers_published_at_idx", "papers", [sa.literal_column("published_at DESC"), "id"], unique=False
    )
    op.create_index("papers_upvotes_idx", "papers", [sa.literal_column("upvotes DESC"), "id"], unique=False)
    op.create_table(
        "readings",
        sa.Column("id", sa.Integer(), sa.Identity(always=False), nullable=False),
        sa.Column("feed", sa.Text(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column(
            "outcome",
            sa.Enum("clean", "partial", "empty", "failed", name="outcome", native_enum=False, length=16),
            nullable=False,
        ),
        sa.Column("papers", sa.Integer(), nullable=False, comment="records that were read"),
        sa.Column("quarantined", sa.Integer(), nullable=False),
        sa.Column("error", sa.Text(), nullable=True),
        sa.CheckConstraint(
            "outcome IN ('clean', 'partial', 'empty', 'failed')", name=op.f("readings_outcome_check")
        ),
        sa.ForeignKeyConstraint(
            ["feed", "day"], ["feed_days.feed", "feed_days.day"], name="readings_day_fkey"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("readings_pkey")),
    )
    op.create_index("readings_at_idx", "readings", ["feed", "at"], unique=False)
    op.create_index("readings_day_idx", "readings", ["feed", "day", "at"], unique=False)
    op.create_table(
        "authors",
        sa.Column("paper_id", sa.String(length=40), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("hidden", sa.Boolean(), nullable=False),
        sa.Column("hub_id", sa.Text(), nullable=True),
        sa.Column(
            "account",
            postgresql.JSONB(astext_type=sa.Text()),
            nullable=True,
            comment="their account on the hub",
        ),
        sa.Column("status", sa.Text(), nullable=True, comment="how the hub knows that it is theirs"),
        sa.Column("status_changed_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["paper_id"], ["papers.id"], name=op.f("authors_paper_id_fkey"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("paper_id", "position", name=op.f("authors_pkey")),
    )
    op.create_index("authors_name_idx", "authors", ["name"], unique=False)
    op.create_table(
        "embeddings",
        sa.Column("model_id", sa.Integer(), nullable=False),
        sa.Column("paper_id", sa.String(length=40), nullable=False),
        sa.Column("text_hash", sa.String(length=32), nullable=False, comment="of the text that was embedded"),
        sa.Column("vector", HALFVEC(), nullable=True, comment="length 1; NULL: refused by the encoder"),
        sa.Column("embedded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("next_try_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["model_id"], ["embedding_models.id"], name=op.f("embeddings_model_id_fkey"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["paper_id"], ["papers.id"], name=op.f("embeddings_paper_id_fkey"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("model_id", "paper_id", name=op.f("embeddings_pkey")),
    )
    op.create_index("embeddings_paper_id_idx", "embeddings", ["paper_id"], unique=False)
    op.create_table(
        "listings",
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("feed", sa.Text(), nullable=False),
        sa.Column("paper_id", sa.String(length=40), nullable=False),
        sa.Column("first_seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("submitted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("submitter", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column(
            "submitter_name", sa.Text(), sa.Computed("submitter ->> 'name'", persisted=True), nullable=True
        ),
        sa.Column("submitter_organization", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.ForeignKeyConstraint(
            ["paper_id"], ["papers.id"], name=op.f("listings_paper_id_fkey"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("day", "feed", "paper_id", name=op.f("listings_pkey")),
    )
    op.create_index("listings_feed_idx", "listings", ["feed", "day"], unique=False)
    op.create_index("listings_paper_id_idx", "listings", ["paper_id"], unique=False)
    op.create_index("listings_submitter_name_idx", "listings", ["submitter_name", "day"], unique=False)
    op.create_table(
        "signals",
        sa.Column("paper_id", sa.String(length=40), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("upvotes", sa.Integer(), nullable=False),
        sa.Column("comments", sa.Integer(), nullable=True),
        sa.Column("github_stars", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(
            ["paper_id"], ["papers.id"], name=op.f("signals_paper_id_fkey"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("paper_id", "at", name=op.f("signals_pkey")),
    )
    op.create_table(
        "records",
        sa.Column("feed", sa.Text(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("paper_id", sa.Text(), nullable=False),
        sa.Column("content", sa.JSON(), nullable=False),
        sa.Column("content_hash", sa.Text(), nullable=False),
        sa.Column("read_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["day", "feed", "paper_id"],
            ["listings.day", "listings.feed", "listings.paper_id"],
            name="records_listing_fkey",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("feed", "day", "paper_id", name=op.f("records_pkey")),
    )


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.drop_table("records")
    op.drop_table("signals")
    op.drop_index("listings_submitter_name_idx", table_name="listings")
    op.drop_index("listings_paper_id_idx", table_name="listings")
    op.drop_index("listings_feed_idx", table_name="listings")
    op.drop_table("listings")
    op.drop_index("embeddings_paper_id_idx", table_name="embeddings")
    op.drop_table("embeddings")
    op.drop_index("authors_name_idx", table_name="authors")
    op.drop_table("authors")
    op.drop_index("readings_day_idx", table_name="readings")
    op.drop_index("readings_at_idx", table_name="readings")
    op.drop_table("readings")
    op.drop_index("papers_upvotes_idx", table_name="papers")
    op.drop_index("papers_published_at_idx", table_name="papers")
    op.drop_index("papers_organization_name_idx", table_name="papers")
    op.drop_index("papers_heat_idx", table_name="papers")
    op.drop_table("papers")
    op.drop_table("trending_state")
    op.drop_table("request_rates")
    op.drop_index(
        "quarantine_open_idx", table_name="quarantine", postgresql_where=sa.text("resolved_at IS NULL")
    )
    op.drop_index("quarantine_content_key", table_name="quarantine")
    op.drop_table("quarantine")
    op.drop_table("organizations")
    op.drop_table("feeds")
    op.drop_index(
        "feed_days_due_idx", table_name="feed_days", postgresql_where=sa.text("next_try_at IS NOT NULL")
    )
    op.drop_table("feed_days")
    op.drop_index(
        "embedding_models_one_current_idx",
        table_name="embedding_models",
        postgresql_where=sa.text("state = 'current'"),
    )
    op.drop_table("embedding_models")
