"""Runs migrations on the connection that `store.migrate` hands over."""

from alembic import context

from precedent.store.schema import is_described, metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    transactional_ddl=True,
    include_name=is_described,
)
with context.begin_transaction():
    context.run_migrations()
