"""The Textual face: lanes of messages, time travel, and everything that can be looked into."""
