# Builds the speech server's image, for an NVIDIA GPU or a CPU, and shows how its container is made.
#   .\deploy\build-tts-server.ps1 [cuda|cpu]
param([ValidateSet('cuda', 'cpu')][string]$Target = 'cuda')
$ErrorActionPreference = 'Stop'

if (-not (Get-Command docker -ErrorAction SilentlyContinue)) {
    Write-Error 'Docker is needed: https://docs.docker.com/desktop/setup/install/windows-install/'
}
$gpus = if ($Target -eq 'cuda') { '--gpus all ' } else { '' }
$here = $PWD.Path

Push-Location (Join-Path $PSScriptRoot '..')
try {
    docker build --build-arg "TARGET=$Target" -f deploy/tts-inference-server/Dockerfile -t tts-inference-server:latest .
    if ($LASTEXITCODE -ne 0) { exit $LASTEXITCODE }
} finally {
    Pop-Location
}

Write-Host @"

Built tts-inference-server:latest for $Target. Make the container once:

  docker create --name chatterbox-tts ${gpus}--init -p 127.0.0.1:8006:8006 ``
    -v "$here/voices:/app/voices" -v "$here/cache:/root/.cache/huggingface" tts-inference-server:latest

Then:

  docker start chatterbox-tts      # the first time it fetches the weights: docker logs -f chatterbox-tts
  curl.exe http://localhost:8006/health
  docker stop chatterbox-tts

For other machines: -p 8006:8006 -e TTS_NODE_API_KEY=... in place of -p 127.0.0.1:8006:8006
"@
