"""The desk in SQL: chats handed to people, what those want of them, and what was said there.

Nothing here speaks to a customer or moves money: what a person wants of a conversation is written down as an errand, and
done by whoever owns conversations.
"""
