#!/bin/sh
# Makes the two roles that Paperround uses a PostgreSQL with, as a superuser, and gives them the database: the owner's
# changes the schema, the serving one reads and writes rows. It changes nothing of the schema, and may run again.
#
#     OWNER_PASSWORD_FILE=… SERVING_PASSWORD_FILE=… POSTGRES_USER=postgres POSTGRES_DB=paperround deploy/create-roles.sh
#
# PostgreSQL's image runs it when it makes the database. The other variables of psql (PGHOST, PGPASSWORD …) count too.
set -eu
exec psql --no-psqlrc --quiet --set=ON_ERROR_STOP=1 --username="$POSTGRES_USER" --dbname="$POSTGRES_DB" <<'SQL'
\set owner_password `cat "$OWNER_PASSWORD_FILE"`
\set serving_password `cat "$SERVING_PASSWORD_FILE"`
SET client_min_messages = warning;
BEGIN;
SELECT format('CREATE ROLE %I LOGIN', name) FROM (VALUES ('paperround_owner'), ('paperround_serving')) AS roles (name)
WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = name) \gexec
ALTER ROLE paperround_owner PASSWORD :'owner_password';
ALTER ROLE paperround_serving PASSWORD :'serving_password';
SELECT current_database() AS database \gset
ALTER DATABASE :"database" OWNER TO paperround_owner;
REVOKE ALL ON DATABASE :"database" FROM PUBLIC;
GRANT CONNECT ON DATABASE :"database" TO paperround_serving;
CREATE EXTENSION IF NOT EXISTS vector;
COMMIT;
SQL
