# Two images from one file (compose.yaml builds both):
#   docker build --target app -t callcenter .
#   docker build --target asterisk -t callcenter-asterisk .
# scripts/dockerfile_in_chroot.py performs the same steps on a Debian machine without Docker.

# --- the wheel with the pages, and an environment with what it runs on --------------------------

FROM debian:bookworm-slim AS build
RUN apt-get -qq update \
    && apt-get -qq install -y --no-install-recommends ca-certificates make python3 python3-venv \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /src
COPY . .
RUN make wheel
RUN python3 -m venv /opt/callcenter \
    && /opt/callcenter/bin/pip install --quiet --no-cache-dir --require-hashes -r requirements.lock \
    && /opt/callcenter/bin/pip install --quiet --no-cache-dir --no-deps dist/*.whl

# --- Asterisk: configuration, dialplan and the prompts it plays while we are away ---------------
# Debian 12 has no asterisk package, Debian sid has.

FROM debian:sid-slim AS asterisk
RUN apt-get -qq update \
    && apt-get -qq install -y --no-install-recommends asterisk asterisk-moh-opsound-gsm espeak-ng sox \
    && rm -rf /var/lib/apt/lists/*
COPY asterisk /usr/local/share/callcenter/asterisk
COPY scripts/container/asterisk /usr/local/bin/callcenter-asterisk
RUN sh /usr/local/share/callcenter/asterisk/sounds.sh /usr/share/callcenter /usr/share/asterisk/moh \
    && install -d -o 10001 -g 10001 -m 755 /var/lib/callcenter-sounds
EXPOSE 5060/udp 8088/tcp 10000-10199/udp
VOLUME /var/lib/callcenter-asterisk
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s \
    CMD ["callcenter-asterisk", "--healthy"]
CMD ["callcenter-asterisk"]

# --- the application ----------------------------------------------------------------------------

FROM debian:bookworm-slim AS app
RUN apt-get -qq update \
    && apt-get -qq install -y --no-install-recommends ca-certificates espeak-ng python3 sox \
    && rm -rf /var/lib/apt/lists/*
RUN groupadd --system --gid 10001 callcenter \
    && useradd --system --uid 10001 --gid callcenter --no-create-home callcenter \
    && install -d -o callcenter -g callcenter -m 750 /var/lib/callcenter \
    && install -d -o callcenter -g callcenter -m 755 /var/lib/callcenter-sounds
COPY --from=build /opt/callcenter /opt/callcenter
ENV PATH=/opt/callcenter/bin:/usr/local/bin:/usr/bin:/bin \
    PYTHONUNBUFFERED=1 \
    HOST=0.0.0.0 \
    PORT=8000 \
    CALLCENTER_VAR=/var/lib/callcenter \
    ASTERISK_SOUNDS=/var/lib/callcenter-sounds
WORKDIR /var/lib/callcenter
USER callcenter
EXPOSE 8000/tcp
VOLUME /var/lib/callcenter /var/lib/callcenter-sounds
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s \
    CMD ["python3", "-c", "import os, urllib.request as u; u.urlopen('http://127.0.0.1:' + os.environ['PORT'] + '/healthz', timeout=4)"]
CMD ["sh", "-c", "callcenter db upgrade && exec callcenter serve"]
