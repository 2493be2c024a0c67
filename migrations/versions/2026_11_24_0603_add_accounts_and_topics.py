"""add accounts and topics"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "c5f8e2a91b30"
down_revision = "a4d20b7f6c15"
branch_labels = None
depends_on = None

# Older revisions whose code still works on this schema: name them while a migration only adds.
works_with: tuple[str, ...] = ("4b7e1c90d2aa", "7d1f0a52c3be", "93c6b8e014da", "a4d20b7f6c15")


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.create_table(
        "attempts",
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("key", "since", name="attempts_pkey"),
    )
    op.create_index("attempts_since_idx", "attempts", ["since"])
    op.create_table(
        "readers",
        sa.Column("id", sa.Integer(), sa.Identity(always=False), nullable=False),
        sa.Column("email", sa.Text(), nullable=False, comment="normalised, as `emails.normalised` does"),
        sa.Column("name", sa.Text(), server_default="", nullable=False),
        sa.Column("time_zone", sa.Text(), server_default="UTC", nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=False, comment="when they last looked"),
        sa.Column(
            "visited_at",
            sa.DateTime(timezone=True),
            nullable=False,
            comment="end of the visit before: what is newer is new to them",
        ),
        sa.PrimaryKeyConstraint("id", name="readers_pkey"),
        sa.UniqueConstraint("email", name="readers_email_key"),
    )
    op.create_table(
        "sign_in_links",
        sa.Column("id", sa.Integer(), sa.Identity(always=False), nullable=False),
        sa.Column("email", sa.Text(), nullable=False),
        sa.Column("token_hash", sa.Text(), nullable=True, comment="NULL: not yet sent"),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name="sign_in_links_pkey"),
        sa.UniqueConstraint("token_hash", name="sign_in_links_token_hash_key"),
    )
    op.create_index("sign_in_links_expires_at_idx", "sign_in_links", ["expires_at"])
    op.create_table(
        "signing_keys",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("secret", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="signing_keys_pkey"),
    )
    op.create_table(
        "api_keys",
        sa.Column("id", sa.Integer(), sa.Identity(always=False), nullable=False),
        sa.Column("reader_id", sa.Integer(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("hint", sa.Text(), nullable=False, comment="its first characters, to tell keys apart"),
        sa.Column("token_hash", sa.Text(), nullable=False),
        sa.Column("scope", sa.String(8), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("scope IN ('read', 'write')", name="api_keys_scope_check"),
        sa.ForeignKeyConstraint(
            ["reader_id"], ["readers.id"], name="api_keys_reader_id_fkey", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name="api_keys_pkey"),
        sa.UniqueConstraint("token_hash", name="api_keys_token_hash_key"),
    )
    op.create_index("api_keys_reader_id_idx", "api_keys", ["reader_id"])
    op.create_table(
        "sessions",
        sa.Column("id", sa.Integer(), sa.Identity(always=False), nullable=False),
        sa.Column("reader_id", sa.Integer(), nullable=False),
        sa.Column("token_hash", sa.Text(), nullable=False),
        sa.Column("agent", sa.Text(), nullable=False, comment="the browser's own words, shortened"),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["reader_id"], ["readers.id"], name="sessions_reader_id_fkey", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name="sessions_pkey"),
        sa.UniqueConstraint("token_hash", name="sessions_token_hash_key"),
    )
    op.create_index("sessions_expires_at_idx", "sessions", ["expires_at"])
    op.create_index("sessions_reader_id_idx", "sessions", ["reader_id"])
    op.create_table(
        "topics",
        sa.Column("id", sa.Integer(), sa.Identity(always=False), nullable=False),
        sa.Column("reader_id", sa.Integer(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False, comment="what the reader calls it"),
        sa.Column("words", sa.Text(), server_default="", nullable=False, comment="in the reader's own words"),
        sa.Column(
            "must", postgresql.ARRAY(sa.Text()), server_default=sa.text("'{}'::text[]"), nullable=False
        ),
        sa.Column(
            "must_not", postgresql.ARRAY(sa.Text()), server_default=sa.text("'{}'::text[]"), nullable=False
        ),
        sa.Column(
            "authors", postgresql.ARRAY(sa.Text()), server_default=sa.text("'{}'::text[]"), nullable=False
        ),
        sa.Column(
            "daily",
            sa.SmallInteger(),
            server_default=sa.text("5"),
            nullable=False,
            comment="how many papers a day are enough",
        ),
        sa.Column("position", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("paused", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("feed_key_hash", sa.Text(), nullable=True, comment="opens its Atom feed"),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column(
            "changed_at",
            sa.DateTime(timezone=True),
            nullable=False,
            comment="of anything that changes what it matches, ratings too",
        ),
        sa.CheckConstraint("daily BETWEEN 1 AND 50", name="topics_daily_check"),
        sa.ForeignKeyConstraint(
            ["reader_id"], ["readers.id"], name="topics_reader_id_fkey", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name="topics_pkey"),
        sa.UniqueConstraint("feed_key_hash", name="topics_feed_key_hash_key"),
    )
    op.create_index("topics_reader_id_idx", "topics", ["reader_id", "position"])
    op.create_table(
        "ratings",
        sa.Column("topic_id", sa.Integer(), nullable=False),
        sa.Column("paper_id", sa.String(length=40), nullable=False),
        sa.Column("value", sa.SmallInteger(), nullable=False),
        sa.Column("rated_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("value IN (-1, 1)", name="ratings_value_check"),
        sa.ForeignKeyConstraint(
            ["paper_id"], ["papers.id"], name="ratings_paper_id_fkey", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["topic_id"], ["topics.id"], name="ratings_topic_id_fkey", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("topic_id", "paper_id", name="ratings_pkey"),
    )
    op.create_index("ratings_paper_id_idx", "ratings", ["paper_id"])
    op.create_table(
        "topic_examples",
        sa.Column("topic_id", sa.Integer(), nullable=False),
        sa.Column("paper_id", sa.String(length=40), nullable=False),
        sa.ForeignKeyConstraint(
            ["paper_id"], ["papers.id"], name="topic_examples_paper_id_fkey", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["topic_id"], ["topics.id"], name="topic_examples_topic_id_fkey", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("topic_id", "paper_id", name="topic_examples_pkey"),
    )
    op.create_index("topic_examples_paper_id_idx", "topic_examples", ["paper_id"])


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.drop_table("topic_examples")
    op.drop_table("ratings")
    op.drop_table("topics")
    op.drop_table("sessions")
    op.drop_table("api_keys")
    op.drop_table("signing_keys")
    op.drop_table("sign_in_links")
    op.drop_table("readers")
    op.drop_table("attempts")
