#!/bin/sh
# Builds the speech server's image, for an NVIDIA GPU or a CPU, and shows how its container is made.
#   sh deploy/build-tts-server.sh [cuda|cpu]
set -eu
target=${1:-cuda}
case $target in
    cuda) gpus='--gpus all ' ;;
    cpu) gpus='' ;;
    *) echo 'usage: sh deploy/build-tts-server.sh [cuda|cpu]' >&2; exit 2 ;;
esac
command -v docker >/dev/null || { echo 'Docker is needed: https://docs.docker.com/engine/install/' >&2; exit 1; }

here=$PWD
cd "$(dirname "$0")/.."
docker build --build-arg "TARGET=$target" -f deploy/tts-inference-server/Dockerfile -t tts-inference-server:latest .

cat <<EOF

Built tts-inference-server:latest for $target. Make the container once:

  docker create --name chatterbox-tts ${gpus}--init -p 127.0.0.1:8006:8006 \\
    -v "$here/voices:/app/voices" -v "$here/cache:/root/.cache/huggingface" tts-inference-server:latest

Then:

  docker start chatterbox-tts      # the first time it fetches the weights: docker logs -f chatterbox-tts
  curl http://localhost:8006/health
  docker stop chatterbox-tts

For other machines: -p 8006:8006 -e TTS_NODE_API_KEY=... in place of -p 127.0.0.1:8006:8006
EOF
