"""Who may do what, and who did what: principals, roles, proofs of identity, the audit log."""
