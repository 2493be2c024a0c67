#!/bin/sh
# What the entrypoint of PostgreSQL's own image does at its first start, with the PostgreSQL that Paperround's has.
set -eu
export PGDATA=/var/lib/postgresql/18/docker
if [ ! -e "$PGDATA/PG_VERSION" ]; then
    mkdir -p -m 0700 "$PGDATA"
    initdb -U "$POSTGRES_USER" --pwfile="$POSTGRES_PASSWORD_FILE" --auth=scram-sha-256 \
        --locale-provider=builtin --locale=C.UTF-8
    echo 'host all all all scram-sha-256' >> "$PGDATA/pg_hba.conf"
    pg_ctl -w -o '-k /tmp -c listen_addresses=' start
    PGPASSWORD=$(cat "$POSTGRES_PASSWORD_FILE")
    export PGPASSWORD PGHOST=/tmp
    createdb -U "$POSTGRES_USER" "$POSTGRES_DB"
    for script in /docker-entrypoint-initdb.d/*.sh; do
        sh "$script"
    done
    unset PGPASSWORD PGHOST
    pg_ctl -w stop
fi
exec "$@" -c listen_addresses='*' -k /var/run/postgresql
