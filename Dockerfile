# The app in a container: the binary and libc, no shell, not root. Builds with BuildKit and with the classic builder,
# so there is no `# syntax` line and no cache mount.
#
#   docker build -t inflight:local .
#   docker run --rm -p 127.0.0.1:8080:8080 inflight:local
ARG RUST_IMAGE=rust:1.95-bookworm
ARG RUNTIME_IMAGE=gcr.io/distroless/cc-debian12:nonroot

# The skeleton: the manifests, and for every crate the empty files that cargo expects. Its content changes only when
# a manifest, the lock file or the set of targets changes, and the next stage is rebuilt only then.
FROM ${RUST_IMAGE} AS skeleton
WORKDIR /src
COPY Cargo.toml Cargo.lock ./
COPY crates crates
COPY xtask xtask
RUN find crates xtask -type f ! -name Cargo.toml \
      ! -path '*/src/lib.rs' ! -path '*/src/main.rs' ! -path '*/src/bin/*.rs' \
      ! -path '*/benches/*.rs' ! -path '*/examples/*.rs' ! -path '*/tests/*.rs' -delete \
 && find crates xtask -type d -empty -delete \
 && find crates xtask -name lib.rs -exec sh -c 'echo "//! Empty." > "$1"' - {} \; \
 && find crates xtask -name '*.rs' ! -name lib.rs -exec sh -c 'printf "//! Empty.\nfn main() { }\n" > "$1"' - {} \;

# The dependencies, as one layer.
FROM ${RUST_IMAGE} AS build
WORKDIR /src
COPY --from=skeleton /src .
RUN cargo build --release --locked -p inflight --features jemalloc
# The app. Sources keep the host's time stamps, which may be older than the skeleton's build: touch them, or cargo
# takes the empty crates for fresh.
COPY . .
RUN find crates -name '*.rs' -exec touch {} + \
 && cargo build --release --locked -p inflight --features jemalloc

FROM ${RUNTIME_IMAGE}
COPY --from=build /src/target/release/inflight /usr/local/bin/inflight
USER 65532:65532
EXPOSE 8080
HEALTHCHECK --interval=5s --timeout=2s --start-period=5s --retries=3 CMD ["/usr/local/bin/inflight", "healthcheck"]
# Exec form: the binary is process 1 and gets SIGTERM itself, so `docker stop` drains and exits 0.
ENTRYPOINT ["/usr/local/bin/inflight"]
CMD ["serve", "--bind", "0.0.0.0"]
