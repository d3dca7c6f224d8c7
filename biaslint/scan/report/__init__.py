"""What the results of a scan say: text, JSON, and a page with plots."""
