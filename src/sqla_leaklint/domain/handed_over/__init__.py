"""Work that is handed over, to tasks, threads and workers, and what travels to it: sessions, entities, keys.

`handoffs` and `sendings` are the calls, `cargo` what goes along.  Of an entity: whose it is (`belonging`), what the
task reads of it (`task_reads`), whether a commit has expired it (`commits`), by what it was looked up (`lookups`,
`held_keys`).
"""
