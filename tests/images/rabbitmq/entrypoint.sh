#!/usr/bin/env bash
# Starts RabbitMQ in the foreground as user rabbitmq; the broker itself is PID 1 and stops cleanly on SIGTERM.
set -euo pipefail

extra=/etc/rabbitmq/conf.d/80-environment.conf
if [[ -n ${FANOUT_RABBITMQ_EXTRA_CONF:-} ]]; then
    printf '%s\n' "$FANOUT_RABBITMQ_EXTRA_CONF" >"$extra"
else
    rm -f "$extra"
fi

# A volume may be mounted over the data directory, owned by anybody.
chown -R rabbitmq:rabbitmq /var/lib/rabbitmq

# ALLOW_INPUT makes the start script exec the Erlang VM instead of leaving a shell in front of it.
export RABBITMQ_ALLOW_INPUT=1
exec setpriv --reuid=rabbitmq --regid=rabbitmq --init-groups \
    /usr/lib/rabbitmq/bin/rabbitmq-server -noinput "$@"
