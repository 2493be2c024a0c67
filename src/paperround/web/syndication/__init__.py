"""Documents made of papers: Atom, JSON Feed, citations, sitemap."""
