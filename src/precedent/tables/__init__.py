"""Data refresh: keeps tables of other systems as Parquet files, tells who may have them, and answers SQL over them.

A table is read by a child process that has no database (`child`), published in one transaction (`publishing`), and
asked by another process that can read nothing but the files of its caller's tables (`asking`).
"""
