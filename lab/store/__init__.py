"""The store: records, transactions, and two implementations behind one port."""

from lab.store.memory import MemoryStore
from lab.store.port import Store, Transaction
from lab.store.record import Field, Record, StoreConflict

__all__ = ["Field", "MemoryStore", "Record", "Store", "StoreConflict", "Transaction"]
