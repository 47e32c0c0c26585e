"""The desk of the officers: lists of cases, and what one person may see and change of a case."""
