"""Documents about papers for other programs: Atom, JSON Feed, citations and the sitemap."""
