# The operator's image: Node, the production packages and src/, without shell, npm or package manager.
#
#   docker build --build-arg VERSION=0.1.0 --build-arg REVISION=$(git rev-parse HEAD) \
#     --build-arg CREATED=$(date -u +%Y-%m-%dT%H:%M:%SZ) -t paperspace-operator .
#
# Behind a mirror: --build-arg BUILD_IMAGE=… --build-arg BASE_IMAGE=… --build-arg NPM_REGISTRY=… (the lock file names no
# registry). dev/image/ takes these steps without docker, and tests what comes out.

# The Node that the tests run with; npm comes with it.
ARG BUILD_IMAGE=docker.io/library/node:24.21.0-trixie-slim@sha256:173f125896c3b47ddf056734c7ea789d04595a6a08769a8f78e0df642781fb66
# glibc, libstdc++, CA certificates and time zones: what Node's own binary needs.
ARG BASE_IMAGE=gcr.io/distroless/cc-debian13:nonroot@sha256:54df941ed0d06a1bd95ef5e0ce391fd8d9f94b64782dc9a60062727849ee3f97

FROM ${BUILD_IMAGE} AS build
ARG NPM_REGISTRY=https://registry.npmjs.org/
WORKDIR /app
COPY package.json package-lock.json ./
# Type declarations and source maps are half of the packages, and nothing reads them at run time.
RUN npm ci --omit=dev --ignore-scripts --no-audit --no-fund --registry="$NPM_REGISTRY" \
 && find node_modules -type f \( -name '*.d.ts' -o -name '*.d.mts' -o -name '*.d.cts' -o -name '*.map' \) -delete
COPY LICENSE ./
COPY src ./src
# Stripped types and compiled code, which save a third of the start. Node keeps them by version, CPU features and user:
# where these differ it starts as if there were none.
ENV NODE_COMPILE_CACHE=/app/.compile-cache
RUN mkdir -m 1777 .compile-cache .compile-cache-1 .compile-cache-2 .compile-cache-3 .compile-cache-4 .compile-cache-5
USER 65532:65532
# Two builds have to give the same bytes: without --predictable threads and a random seed show in what V8 keeps. With it,
# a module in hundreds may rarely have a byte of memory that V8 has not written: what four of five runs agree on is kept.
# What V8 keeps is of use with the same flags only.
RUN for run in 1 2 3 4 5; do \
      NODE_COMPILE_CACHE="$PWD/.compile-cache-$run" \
        node --predictable --max-semi-space-size=2 --optimize-for-size src/main.ts --help > /dev/null || exit; \
    done \
 && sha256sum .compile-cache-[1-5]/*/* \
  | awk '{ of = $2; sub("^[^/]*/", "", of); runs[of " " $1]++; at[of " " $1] = $2 } \
      END { for (one in runs) if (runs[one] >= 4) { split(one, part, " "); print at[one], part[1] } }' \
  | while read -r from to; do \
      mkdir -p ".compile-cache/${to%/*}" && cp "$from" ".compile-cache/$to" || exit; \
    done
# The operator's user wrote it, and may not write it later: what is in there is code that runs. The rest has the rights of
# the checkout, which differ with the umask of its user.
USER 0:0
RUN rm -r .compile-cache-[1-5] && chmod 0755 .compile-cache && chmod -R u=rwX,go=rX .

FROM ${BASE_IMAGE}
ARG VERSION=0.0.0-dev
ARG REVISION=unknown
ARG CREATED=1970-01-01T00:00:00Z
LABEL org.opencontainers.image.title="paperspace-operator" \
      org.opencontainers.image.description="A Kubernetes operator for Paperspace GPU machines" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.created="${CREATED}"
WORKDIR /app
# All of it belongs to root, so that the process cannot change its own code. What changes least comes first.
COPY --from=build --chown=0:0 /usr/local/bin/node /usr/local/bin/node
COPY --from=build --chown=0:0 /app/node_modules ./node_modules
COPY --from=build --chown=0:0 /app/package.json /app/LICENSE ./
COPY --from=build --chown=0:0 /app/src ./src
COPY --from=build --chown=0:0 /app/.compile-cache ./.compile-cache
ENV NODE_ENV=production NODE_COMPILE_CACHE=/app/.compile-cache
# A number, because Kubernetes cannot tell of a name that it is not root.
USER 65532:65532
# A signal would open Node's debugger, which is a shell for all that reach its port. The other two are those of `npm start`:
# garbage is collected where it would else grow to a half of the memory. A limit of the heap is NODE_OPTIONS, as in the chart.
ENTRYPOINT ["/usr/local/bin/node", "--disable-sigusr1", "--max-semi-space-size=2", "--optimize-for-size", "src/main.ts"]
