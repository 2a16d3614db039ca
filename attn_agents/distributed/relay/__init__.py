"""Carries connections between hosts, through one port that needs the run's key.

    actors  --Unix socket-->  actor host's end  ==TLS 1.3==>  learner host's end
                                                                   |  loopback
                                                                   v
                                                             Reverb, welcome

Reverb authenticates nobody and listens on every interface, so it stays in a
network that has loopback only. Each end is a process of its own: `start.py`
starts them, `process.py` is what they run. A connection belongs to a service
of the learner host, which its client names in the handshake (ALPN), so that no
byte is added to what is carried.

The standard library only: `asyncio`'s TLS costs more of a core for each byte
than a thread for each connection does (`docs/security.md`).
"""
