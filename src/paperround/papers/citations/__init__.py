"""Papers as reference managers read them: BibTeX, RIS and CSL JSON."""
