# Two stages: a wheel is built, installed and compiled; the image has that, Python, and nothing to build with.
# make image builds it with the version of pyproject.toml.
ARG PYTHON=3.12

FROM python:${PYTHON}-slim AS build
WORKDIR /src
COPY pyproject.toml README.md LICENSE ./
COPY encoder_core encoder_core
COPY connectors connectors
COPY stream_processors stream_processors
RUN pip wheel --no-cache-dir --no-deps --wheel-dir /wheels . \
 && python -m venv --without-pip /opt/secencoder \
 && pip --python /opt/secencoder/bin/python install --no-cache-dir --no-compile /wheels/*.whl \
 && find /opt/secencoder -type d -name tests -path '*/site-packages/*' -prune -exec rm -rf {} + \
 && /opt/secencoder/bin/python -m compileall -q /opt/secencoder/lib
# Compiled for the processor of this machine; a start on another kind compiles anew.
RUN HOME=/home/secencoder /opt/secencoder/bin/secencoder compile

FROM python:${PYTHON}-slim
ARG VERSION=unknown
LABEL org.opencontainers.image.title="SecEncoder Streams" \
      org.opencontainers.image.description="Finds what is unusual in logs that flow through Kafka" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}"
RUN useradd --uid 10001 --create-home --shell /usr/sbin/nologin secencoder
COPY --from=build /opt/secencoder /opt/secencoder
COPY --from=build --chown=10001:10001 /home/secencoder/.cache /home/secencoder/.cache
ENV PATH=/opt/secencoder/bin:$PATH PYTHONUNBUFFERED=1
USER 10001:10001
EXPOSE 8080
# 503 while a partition is behind and does not move. Before it answers, a worker waits for Kafka and Redis.
HEALTHCHECK --interval=15s --timeout=5s --start-period=10m \
  CMD ["python", "-c", "import urllib.request as u; u.urlopen('http://127.0.0.1:8080/healthz', timeout=4)"]
ENTRYPOINT ["secencoder"]
