FROM python:3.12-slim
WORKDIR /app
COPY pyproject.toml README.md LICENSE ./
COPY encoder_core encoder_core
COPY connectors connectors
COPY stream_processors stream_processors
RUN pip install --no-cache-dir . && useradd --create-home secencoder
USER secencoder
# Compiled for the processor of this machine; a start on another kind compiles anew.
RUN secencoder compile
ENTRYPOINT ["secencoder"]
