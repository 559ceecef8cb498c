"""What proves a consent: its texts, the ledger of events, the receipts."""
