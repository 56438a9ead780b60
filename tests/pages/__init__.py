"""The page runner: Markdown pages that are documentation and tests at once.

A page is read (`parser`), its comments become expectations (`assertions`), every example becomes a small project on
disk (`runner`) that is linted (`engine`), what is reported is compared with what was expected (`matcher`, `reveal`,
`outputs`), and pytest shows the difference with the line of the page (`plugin`, `items`).  `update` writes the blocks
that nobody types.
"""
