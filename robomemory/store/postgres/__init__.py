"""A memory that several robots share: the store in PostgreSQL, with vectors in pgvector columns.

Needs ``psycopg`` and ``pgvector`` (``pip install "vista-stack[postgres]"``) and a server with the extension
``vector``.
"""
