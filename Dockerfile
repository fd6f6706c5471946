# oolong_align for the CPU, with its models, ready to run without a network:
#   docker build -t oolong .
#   docker run --rm --network none --user "$(id -u):$(id -g)" -v "$PWD:/data" oolong transcribe meeting.wav --srt

FROM python:3.12 AS build
WORKDIR /src
COPY . .
RUN python -m venv /opt/oolong && /opt/oolong/bin/pip install --no-cache-dir .
# The diarization derives the graphs that the program caches at first use.
ENV OOLONG_CACHE=/opt/oolong/cache
RUN /opt/oolong/bin/oolong models fetch \
    && /opt/oolong/bin/oolong diarize examples/meeting.flac --output_dir /tmp \
    && /opt/oolong/bin/oolong models verify \
    && chmod -R a+rX /opt/oolong

FROM python:3.12-slim
COPY --from=build /opt/oolong /opt/oolong
ENV PATH=/opt/oolong/bin:$PATH OOLONG_CACHE=/opt/oolong/cache HF_HUB_OFFLINE=1 PIP_NO_INDEX=1 HOME=/tmp
RUN useradd --create-home oolong
USER oolong
WORKDIR /data
ENTRYPOINT ["oolong"]
CMD ["--help"]
