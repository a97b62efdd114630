# A static image of the spoke. Build from the root of the checkout:
#   docker build -f deploy/images/spoke.Dockerfile -t capstan-spoke .
FROM rust:1.95-alpine AS build
RUN apk add --no-cache gcc make musl-dev perl
WORKDIR /src
COPY . .
RUN cargo build --locked --profile dist -p capstan-spoke --bin spoke \
    && mkdir /image && cp target/dist/spoke /image/spoke

FROM gcr.io/distroless/static-debian12:nonroot
COPY --from=build /image /
USER 65532:65532
ENTRYPOINT ["/spoke"]
CMD ["run"]
