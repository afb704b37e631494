"""Bytes on disk and from the net, handled safely: written whole or not at all, named by digest,
read strictly. The exception that tells a user what is wrong (`errors.StudyError`) lives here too.

This is the first room: it imports no other.
"""
