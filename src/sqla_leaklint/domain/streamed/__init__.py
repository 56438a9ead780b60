"""Responses that are streamed, and the session that a generator uses while they are sent.

`streams` are the responses, `generators` what iterating over them does, `stream_ends` what becomes of the session.
Whether the stream, or the endpoint, can do without it: `stretches`, `apart`, `closed_early`, `taken_before`.
"""
