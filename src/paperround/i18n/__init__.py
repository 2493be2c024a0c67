"""The interface's languages: which there are, the catalogues of messages, dates and numbers.

`languages.py` says which languages there are and which one a browser prefers, `messages.py` translates,
`formats.py` writes dates and numbers, `templates.py` brings both to Jinja. Texts of papers are another
matter: `summaries/` has those in readers' languages.
"""
