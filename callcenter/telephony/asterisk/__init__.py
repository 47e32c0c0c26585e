"""The Asterisk line: calls controlled by ARI, agents' devices, and what to do after a reconnect."""
