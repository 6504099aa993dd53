"""The drill on chains of mixed dialects: tts-node → ElevenLabs → Cartesia, and ChatTTS → Cartesia as document 003
has it.

`python -m mixed --out docs/benchmarks` (PYTHONPATH=tests:tests/faults) writes docs/benchmarks/mixed-chain.md. The
vendors are the fakes of tests/vendors, each a process, which speak with the same espeak as the tts-node: so a text
sounds alike wherever it is spoken, and the drill's ledger can tell to the sample which sentence was said.
"""
