"""Finding cases by what stands in them."""
