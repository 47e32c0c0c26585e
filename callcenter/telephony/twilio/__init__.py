"""The Twilio line: webhooks come in, TwiML and REST requests go out."""
