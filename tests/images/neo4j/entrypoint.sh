#!/usr/bin/env bash
# Starts Neo4j Community in the foreground, configured by environment variables with the official image's names:
# NEO4J_AUTH, and NEO4J_<setting> with "." written "_" and "_" written "__".
set -euo pipefail

export NEO4J_HOME=/var/lib/neo4j NEO4J_CONF=/var/lib/neo4j/conf
data=/data

declare -A conf=(
    [server.default_listen_address]=0.0.0.0
    [server.directories.data]=$data
    [server.directories.logs]=/logs
    [server.memory.heap.max_size]=1G
    [server.memory.pagecache.size]=256M
    [dbms.usage_report.enabled]=false
    # else a stop waits 10 s and more for silence on the wire
    [internal.dbms.bolt.netty_server_shutdown_quiet_period]=0
)

while IFS='=' read -r -d '' name value; do
    case $name in
        NEO4J_AUTH | NEO4J_AUTH_PATH | NEO4J_HOME | NEO4J_CONF | NEO4J_EDITION | NEO4J_DEBUG | NEO4J_PLUGINS) ;;
        NEO4J_ACCEPT_LICENSE_AGREEMENT | NEO4J_SHA256 | NEO4J_TARBALL) ;;
        NEO4J_[a-z]*)
            setting=${name#NEO4J_}
            setting=${setting//_/.}
            conf[${setting//../_}]=$value
            ;;
    esac
done < <(env -0)

password=
case ${NEO4J_AUTH:-} in
    '') ;; # as in the official image: neo4j/neo4j, to be changed at the first login
    none) conf[dbms.security.auth_enabled]=false ;;
    neo4j/?*) password=${NEO4J_AUTH#neo4j/} ;;
    *)
        echo "NEO4J_AUTH must be 'none' or 'neo4j/PASSWORD'" >&2
        exit 1
        ;;
esac

mkdir -p "$NEO4J_CONF" "$data" /logs
for setting in "${!conf[@]}"; do
    printf '%s=%s\n' "$setting" "${conf[$setting]}"
done | sort >"$NEO4J_CONF/neo4j.conf"

if [[ -n $password && ! -e $data/databases/system ]]; then
    java -XX:TieredStopAtLevel=1 -cp "$NEO4J_HOME/lib/*" org.neo4j.cli.AdminTool \
        dbms set-initial-password "$password" >/dev/null
fi

heap=${conf[server.memory.heap.max_size]}
read -r -d '' -a additional <<<"${conf[server.jvm.additional]:-}" || true

classpath=$(printf '%s:' "$NEO4J_HOME"/lib/*.jar)
exec java \
    "-Xmx$heap" "-Xms${conf[server.memory.heap.initial_size]:-$heap}" \
    -XX:+UseG1GC -XX:-OmitStackTraceInFastThrow -XX:+DisableExplicitGC \
    -Djdk.nio.maxCachedBufferSize=1024 -Dio.netty.tryReflectionSetAccessible=true -Dlog4j2.disable.jmx=true \
    --add-opens=java.base/java.nio=ALL-UNNAMED \
    --add-opens=java.base/java.io=ALL-UNNAMED \
    --add-opens=java.base/sun.nio.ch=ALL-UNNAMED \
    --add-opens=java.base/java.util.concurrent=ALL-UNNAMED \
    --enable-native-access=ALL-UNNAMED \
    "${additional[@]}" \
    -cp "${classpath%:}" org.neo4j.server.CommunityEntryPoint \
    "--home-dir=$NEO4J_HOME" "--config-dir=$NEO4J_CONF" --console-mode
