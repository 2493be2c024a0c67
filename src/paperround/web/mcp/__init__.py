"""/mcp: the site as tools of a reader's agent, by the Model Context Protocol. It is off until it is set.

`endpoint` has what every web process loads. Everything else needs the `mcp` library and is imported when the
setting is on.
"""
