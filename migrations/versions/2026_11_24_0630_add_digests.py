"""add digests"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "d1e5a7c0b942"
down_revision = "e1a94d7c3f52"
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
)


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.create_table(
        "senders",
        sa.Column("id", sa.BigInteger(), nullable=False),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name="senders_pkey"),
        prefixes=["UNLOGGED"],
    )
    op.create_table(
        "subscriptions",
        sa.Column("id", sa.Integer(), sa.Identity(always=False), nullable=False),
        sa.Column("email", sa.Text(), nullable=False, comment="normalised, as `emails.normalised` does"),
        sa.Column("reader_id", sa.Integer(), nullable=True, comment="whose topics it carries"),
        sa.Column(
            "state",
            sa.String(16),
            nullable=False,
        ),
        sa.Column(
            "cadence",
            sa.String(16),
            nullable=False,
        ),
        sa.Column("weekday", sa.SmallInteger(), nullable=False, comment="of a weekly one; Monday is 0"),
        sa.Column("hour", sa.SmallInteger(), nullable=False, comment="in the reader's time zone"),
        sa.Column("time_zone", sa.Text(), nullable=False),
        sa.Column("trending", sa.Boolean(), nullable=False),
        sa.Column("topics", sa.Boolean(), nullable=False),
        sa.Column("most", sa.SmallInteger(), nullable=False, comment="papers of each part"),
        sa.Column(
            "when_empty",
            sa.String(16),
            nullable=False,
        ),
        sa.Column(
            "topic_words",
            sa.Text(),
            nullable=False,
            comment="a topic in their own words, made when they confirm",
        ),
        sa.Column(
            "asked_at",
            sa.DateTime(timezone=True),
            nullable=False,
            comment="the last time that somebody gave this address",
        ),
        sa.Column(
            "letter_due_at",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="when the mail that answers to that is due; NULL: sent",
        ),
        sa.Column("letter_attempts", sa.SmallInteger(), nullable=False),
        sa.Column("confirmed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False, comment="of the state"),
        sa.Column(
            "next_due_at",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="of the next digest; NULL: none comes",
        ),
        sa.CheckConstraint("cadence IN ('daily', 'weekdays', 'weekly')", name="subscriptions_cadence_check"),
        sa.CheckConstraint(
            "state IN ('pending', 'active', 'paused', 'unsubscribed', 'bounced')",
            name="subscriptions_state_check",
        ),
        sa.CheckConstraint("hour BETWEEN 0 AND 23", name="subscriptions_hour_check"),
        sa.CheckConstraint("most BETWEEN 1 AND 30", name="subscriptions_most_check"),
        sa.CheckConstraint("weekday BETWEEN 0 AND 6", name="subscriptions_weekday_check"),
        sa.ForeignKeyConstraint(
            ["reader_id"], ["readers.id"], name="subscriptions_reader_id_fkey", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name="subscriptions_pkey"),
        sa.UniqueConstraint("email", name="subscriptions_email_key"),
    )
    op.create_index("subscriptions_reader_id_idx", "subscriptions", ["reader_id"])
    op.create_index("subscriptions_letter_due_at_idx", "subscriptions", ["letter_due_at"])
    op.create_index("subscriptions_next_due_at_idx", "subscriptions", ["next_due_at"])
    op.create_table(
        "deliveries",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("subscription_id", sa.Integer(), nullable=False),
        sa.Column("period", sa.Date(), nullable=False, comment="the reader's own date on which it was due"),
        sa.Column("since", sa.Date(), nullable=False, comment="the first day whose papers belong to it"),
        sa.Column(
            "state",
            sa.String(16),
            nullable=False,
        ),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("next_try_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column(
            "gives_up_at",
            sa.DateTime(timezone=True),
            nullable=False,
            comment="the next one is due then, or it is stale",
        ),
        sa.Column("attempts", sa.SmallInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("sender", sa.BigInteger(), nullable=True, comment="who claimed it last"),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True, comment="of its last attempt"),
        sa.Column("papers", postgresql.ARRAY(sa.Text()), nullable=True, comment="in it, at every attempt"),
        sa.Column(
            "reasons",
            postgresql.JSONB(),
            nullable=True,
            comment="paper → topic and reasons, where it is there for a topic",
        ),
        sa.Column("code", sa.SmallInteger(), nullable=True, comment="of the server's last answer"),
        sa.Column("words", sa.Text(), nullable=True, comment="of the server's last answer"),
        sa.Column(
            "bounce",
            sa.String(16),
            nullable=True,
        ),
        sa.Column("bounced_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "state IN ('queued', 'sending', 'sent', 'deferred', 'failed', 'uncertain')",
            name="deliveries_state_check",
        ),
        sa.ForeignKeyConstraint(
            ["subscription_id"],
            ["subscriptions.id"],
            name="deliveries_subscription_id_fkey",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name="deliveries_pkey"),
        sa.UniqueConstraint("subscription_id", "period", name="deliveries_period_key"),
    )
    op.create_index("deliveries_due_at_idx", "deliveries", ["due_at"])
    op.create_index("deliveries_finished_at_idx", "deliveries", ["finished_at"])
    op.create_index(
        "deliveries_sending_idx",
        "deliveries",
        ["sender"],
        postgresql_where=sa.text("state = 'sending'"),
    )
    op.create_index(
        "deliveries_waiting_idx",
        "deliveries",
        ["next_try_at", "id"],
        postgresql_where=sa.text("state IN ('queued', 'deferred')"),
    )


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.drop_table("deliveries")
    op.drop_table("subscriptions")
    op.drop_table("senders")
