"""Cases that belong together: suggested, merged, joined under a parent."""
