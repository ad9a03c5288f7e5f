"""Plugin marketplaces: git repositories whose plugins are read, scanned, trusted by people and served to agents.

A repository is read by a child process (`sync_child`), which hands over the files of each plugin under a digest of
all of them. Admins trust a plugin by that digest. What is trusted is served as one marketplace by git over HTTP
(`serve_child`), to each person what is for them.
"""
