"""How Alembic reaches the database: over the connection that `services.database.upgrade` hands in, and no other way.

No URL, no logging set-up and no offline mode belong here; settings are read in one place, and it is not this one.
"""

from alembic import context

from services.schema import schema

connection = context.config.attributes.get("connection")
if connection is None:
    raise RuntimeError("migrations run through services.database.upgrade, which passes the connection")

context.configure(connection=connection, target_metadata=schema)
with context.begin_transaction():
    context.run_migrations()
