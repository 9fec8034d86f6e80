"""From a claimed execution to its result in the ledger: ``executor`` is the pool, ``lifecycle`` runs one of them,
``result_writer`` writes what becomes of it."""
