"""A call-center backend: IVR flows, queues, agents in the browser, a case store."""
