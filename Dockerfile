# Two stages: what builds stays behind; what runs has git, the package and its locked dependencies, and no root.
# Another base: any Debian with python, its venv module and ca-certificates (tests/deploy/test_image_build.py makes one).
ARG BASE=python:3.13-slim
FROM ${BASE} AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
RUN python -m venv /opt/chronos && python -m venv /opt/build
WORKDIR /src
COPY requirements/image.lock requirements/build.lock requirements/
RUN /opt/chronos/bin/pip install --require-hashes -r requirements/image.lock \
    && /opt/build/bin/pip install --require-hashes -r requirements/build.lock
COPY pyproject.toml hatch_build.py README.md LICENSE ./
COPY schemas schemas
COPY jobs.example jobs.example
COPY chronos_gitops chronos_gitops
RUN /opt/build/bin/pip wheel --no-deps --no-build-isolation --wheel-dir dist . && /opt/chronos/bin/pip install --no-deps --no-index dist/*.whl

FROM ${BASE}
LABEL org.opencontainers.image.title="chronos-gitops" \
      org.opencontainers.image.description="Scheduled webhooks whose definitions live in git" \
      org.opencontainers.image.licenses="Apache-2.0"
# Debian keeps one version of a package, so a pinned one could not be installed for long.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends git openssh-client ca-certificates \
    && rm -rf /var/lib/apt/lists/* \
    && groupadd --system --gid 10001 chronos \
    && useradd --system --uid 10001 --gid 10001 --home-dir /var/lib/chronos-gitops --create-home chronos
COPY --from=build /opt/chronos /opt/chronos
ENV PATH=/opt/chronos/bin:$PATH PYTHONUNBUFFERED=1 CHRONOS_DATA=/var/lib/chronos-gitops
USER 10001:10001
WORKDIR /var/lib/chronos-gitops
VOLUME /var/lib/chronos-gitops
EXPOSE 8080
# It listens on the container's loopback until it is told otherwise: a chronos.toml with [[tokens]] and
# CHRONOS_LISTEN=0.0.0.0:8080 open it. Images in OCI format have no health check: compose.yaml and the probes have their own.
HEALTHCHECK --interval=30s --timeout=5s --start-period=20s \
    CMD ["python", "-c", "import urllib.request as r; r.urlopen('http://127.0.0.1:8080/livez', timeout=4)"]
# SIGTERM drains for up to 25 s: stop with a longer grace, `docker stop --time 30`.
STOPSIGNAL SIGTERM
ENTRYPOINT ["chronos-gitops"]
CMD ["run"]
