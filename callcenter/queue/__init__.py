"""Who gets whom: topics, waiting entries, agents and the offers between them."""
