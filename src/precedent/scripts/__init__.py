"""Scheduled scripts: what admins deploy, when it is due, and each run of it in a process that can harm nobody.

A script runs below a supervisor (`supervisor`), which the worker starts and which ends with it.
"""
