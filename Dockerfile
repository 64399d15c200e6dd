# SPDX-License-Identifier: Apache-2.0
#
# For who builds an image from sources with Docker or Buildah; releases are made by
# `make image`, without either. The flags are those of the Makefile:
#
#   docker build --build-arg VERSION=$(git describe --tags --always) \
#     --build-arg REVISION=$(git rev-parse HEAD) -t tetrameter .

FROM --platform=$BUILDPLATFORM golang:1.26 AS build
ARG TARGETOS=linux TARGETARCH
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
ARG VERSION=dev REVISION= BRANCH= BUILD_DATE=
RUN CGO_ENABLED=0 GOOS=$TARGETOS GOARCH=$TARGETARCH go build -trimpath -buildvcs=false -ldflags "-s -w \
	-X github.com/prometheus/common/version.Version=$VERSION \
	-X github.com/prometheus/common/version.Revision=$REVISION \
	-X github.com/prometheus/common/version.Branch=$BRANCH \
	-X github.com/prometheus/common/version.BuildDate=$BUILD_DATE" -o /tetrameter ./exporter

FROM scratch
COPY --from=build /tetrameter /tetrameter
COPY LICENSE NOTICE /licenses/
LABEL org.opencontainers.image.title=tetrameter \
	org.opencontainers.image.source=https://github.com/tetrameter/tetrameter \
	org.opencontainers.image.licenses="Apache-2.0 AND (GPL-2.0-only OR BSD-2-Clause)"
# Root, with few capabilities: docs/operations.md says why.
USER 0:0
EXPOSE 2112
ENTRYPOINT ["/tetrameter"]
CMD ["run"]
