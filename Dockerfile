# Both programs and nothing else: no shell, no packages, a user without rights, and no need to write anywhere but in
# /var/lib/fanout. What they are linked with comes from the image they were built in, so that the last stage needs no
# base image; scripts/image makes the same one out of programs that are built already.
ARG RUST_IMAGE=rust:1.95-bookworm

FROM ${RUST_IMAGE} AS build
WORKDIR /src
COPY . .
# Without the embedded stores, which only `fanout demo` needs.
RUN cargo build --profile dist --locked --no-default-features --features cli,neo4j,qdrant,outbox,otlp --bin run-worker --bin fanout
RUN scripts/image --root /image target/dist

FROM scratch
COPY --from=build /image/root /
# `fanout`, for the spool of `fanout serve` and the broker of direct mode: a volume put here belongs to the user, too.
COPY --from=build --chown=65532:65532 /image/state /var/lib
WORKDIR /var/lib/fanout
USER 65532:65532
# Inside a container the address must be reachable from outside of it.
ENV FANOUT_HTTP_ADDR=0.0.0.0:8081
EXPOSE 8081
HEALTHCHECK --interval=10s --timeout=5s --start-period=15s CMD ["/usr/local/bin/run-worker", "--healthcheck"]
ENTRYPOINT ["/usr/local/bin/run-worker"]
