# Both programs in one small image, run by a user without rights. Other images may take the
# place of the two named here, for instance those of a mirror.
ARG RUST_IMAGE=rust:1.95-bookworm
ARG BASE_IMAGE=debian:bookworm-slim

FROM ${RUST_IMAGE} AS build
WORKDIR /src
COPY . .
# Without the embedded stores, which only `fanout demo` needs.
RUN cargo build --profile dist --locked --no-default-features --features cli,neo4j,qdrant,outbox --bin run-worker --bin fanout
RUN mkdir -p /var/lib/fanout

FROM ${BASE_IMAGE}
# Public certificate authorities, for amqps:// and bolt+s://.
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
COPY --from=build /src/target/dist/run-worker /src/target/dist/fanout /usr/local/bin/
# For the spool of `fanout serve`: a volume put here belongs to the user, too.
COPY --from=build --chown=65532:65532 /var/lib/fanout /var/lib/fanout
USER 65532:65532
# Inside a container the address must be reachable from outside of it.
ENV FANOUT_HTTP_ADDR=0.0.0.0:8081
EXPOSE 8081
HEALTHCHECK --interval=10s --timeout=5s --start-period=15s CMD ["run-worker", "--healthcheck"]
ENTRYPOINT ["run-worker"]
