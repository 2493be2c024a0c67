#!/bin/sh
# Makes the files of secrets that docker-compose.yml names, in ./secrets or in the folder given. What is there stays.
#
#     deploy/make-secrets.sh [folder]
#
# Values may be given in the environment: DATABASE_PASSWORD (of a database that exists with the one role `paperround`), PAPERROUND_SECRET_KEY,
# PAPERROUND_ENCODER_KEY, PAPERROUND_SMTP_URL, PAPERROUND_HUGGINGFACE_TOKEN, PAPERROUND_SUMMARY_KEY. Passwords and keys of
# our own are made at random; what belongs to other servers stays empty, which is as if it was not set.
set -eu
folder=${1:-${PAPERROUND_SECRETS:-secrets}}
mkdir -p "$folder"
# Only the folder's owner gets to the files. In a container, whoever runs there must be able to read them.
chmod 0700 "$folder"

keep() { # name, value
    if [ ! -e "$folder/$1" ]; then
        printf '%s\n' "$2" > "$folder/.$1.part"
        chmod 0444 "$folder/.$1.part"
        mv "$folder/.$1.part" "$folder/$1"
    fi
}

random() {
    od -An -N32 -tx1 /dev/urandom | tr -d ' \n'
}

# A database that exists already keeps the one role that it was made with; a new one gets an owner and one that serves.
if [ -n "${DATABASE_PASSWORD:-}" ] || [ -e "$folder/database_url" ] || [ -e "$folder/database_password" ]; then
    has_one_role=yes
else
    has_one_role=
fi
keep owner_password "$(random)"
keep serving_password "$(random)"
if [ -z "$has_one_role" ]; then
    keep database_url "postgresql://paperround_serving:$(cat "$folder/serving_password")@database/paperround"
    keep owner_database_url "postgresql://paperround_owner:$(cat "$folder/owner_password")@database/paperround"
fi
keep owner_database_url ""
keep database_password "${DATABASE_PASSWORD:-$(random)}"
password=$(cat "$folder/database_password")
case $password in
    *[!A-Za-z0-9._~-]*)
        echo "make-secrets: the database's password may have letters, digits and ._~- only, as it is part of an address." >&2
        echo "Write $folder/database_url by hand, with other characters percent-encoded." >&2
        [ -e "$folder/database_url" ] || exit 1 ;;
esac
keep database_url "postgresql://paperround:$password@database/paperround"
keep secret_key "${PAPERROUND_SECRET_KEY:-$(random)}"
keep encoder_key "${PAPERROUND_ENCODER_KEY:-$(random)}"
keep smtp_url "${PAPERROUND_SMTP_URL:-}"
keep huggingface_token "${PAPERROUND_HUGGINGFACE_TOKEN:-}"
keep summary_key "${PAPERROUND_SUMMARY_KEY:-}"
echo "The secrets are in $folder."
