# A static image of the hub. Build from the root of the checkout:
#   docker build -f deploy/images/hub.Dockerfile -t capstan-hub .
FROM rust:1.95-alpine AS build
RUN apk add --no-cache gcc make musl-dev perl linux-headers
WORKDIR /src
COPY . .
RUN cargo build --locked --profile dist -p capstan-hub --bin hub \
    && mkdir -p /image/var/lib/capstan && cp target/dist/hub /image/hub

FROM gcr.io/distroless/static-debian12:nonroot
COPY --from=build --chown=65532:65532 /image /
USER 65532:65532
VOLUME /var/lib/capstan
EXPOSE 7443
ENTRYPOINT ["/hub"]
CMD ["serve", "--config", "/var/lib/capstan/hub.yaml"]
