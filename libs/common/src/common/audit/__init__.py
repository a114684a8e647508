"""What the audit log is told: kept by each service before the change it is about, and sent to identity (E6)."""
