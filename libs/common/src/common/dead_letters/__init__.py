"""Dead letters as staff see them: kept by the service that set them aside, listed, replayed, discarded (F6)."""
