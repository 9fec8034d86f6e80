"""The fixtures of harness/services.py."""

from harness.services import checkout, client, own, receiver, service, shared
