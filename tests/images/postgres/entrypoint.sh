#!/usr/bin/env bash
# Starts PostgreSQL in the foreground as user postgres, configured by the official image's variables POSTGRES_USER and
# POSTGRES_PASSWORD. Arguments go to the server: -c SETTING=VALUE.
set -euo pipefail

data=/var/lib/postgresql/data
programs=$(echo /usr/lib/postgresql/*/bin)
as_postgres=(setpriv --reuid=postgres --regid=postgres --init-groups)

mkdir -p "$data" /run/postgresql
chown -R postgres:postgres /var/lib/postgresql /run/postgresql
chmod 0700 "$data"

if [[ ! -s $data/PG_VERSION ]]; then
    [[ -n ${POSTGRES_PASSWORD:-} ]] || {
        echo "POSTGRES_PASSWORD must be set" >&2
        exit 1
    }
    secret=$(mktemp)
    printf '%s\n' "$POSTGRES_PASSWORD" >"$secret"
    chown postgres "$secret"
    "${as_postgres[@]}" "$programs/initdb" --pgdata="$data" --username="${POSTGRES_USER:-postgres}" \
        --pwfile="$secret" --auth-local=trust --auth-host=scram-sha-256 \
        --encoding=UTF8 --locale=C.UTF-8 --no-sync >/dev/null
    rm "$secret"
    echo 'host all all all scram-sha-256' >>"$data/pg_hba.conf"
fi

exec "${as_postgres[@]}" "$programs/postgres" -D "$data" -c listen_addresses='*' "$@"
