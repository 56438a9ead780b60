"""Work that goes on when its request's session is over gets a session of its own: tasks, streams, workers.

`tasks` and `entities` put a function round a background task, `streams` one round a generator, or a block into it
(`generators`); `sent_key` and `received_key` change both ends of what a worker is sent.  What they share: `wrapping`
(names and places of a function round another one), `provider_context` (a dependency entered by hand) and `closed_first`
(the request's session, closed in time).
"""
