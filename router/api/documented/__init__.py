"""The hot routes for the OpenAPI document. `router/entry.py` answers them before Litestar is asked; these
declarations only describe them, and say so should they ever be called.

Each client dialect has a module here, which says what its routes take and give, and its error shape in
`errors.py`.
"""

from router.api.documented import chats, elevenlabs, ollama, speech, telephone, voice_agent

handlers = [
    *chats.handlers,
    *speech.handlers,
    *elevenlabs.handlers,
    *ollama.handlers,
    *telephone.handlers,
    *voice_agent.handlers,
]
