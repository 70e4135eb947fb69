"""What somebody writes who has nothing but /openapi.json: openapi-python-client made pek_client of it.

client.py BASE_URL COOKIE UNIQUE prints what it saw as JSON.
"""
import json
import sys

from pek_client import Client
from pek_client.api.group_service import create_group, get_group_in_realm, list_groups, update_group
from pek_client.api.session_service import get_session
from pek_client.models import CreateGroupRequest, Error, Group, GroupPatch, Purpose

base_url, cookie, unique = sys.argv[1:]
name, value = cookie.split("=", 1)
client = Client(base_url=base_url, cookies={name: value})
realm = "worker-acme"

page = list_groups.sync(client=client, page_size=2, purpose=Purpose.CIRCLE)
made = create_group.sync(
    realm, client=client, idempotency_key=unique,
    body=CreateGroupRequest(name=f"Kígyó {unique}", slug=f"py{unique}", purpose=Purpose.PROJECT),
)
assert isinstance(made, Group), made
changed = update_group.sync(
    realm, made.id, client=client, if_match=f'"{made.etag}"', body=GroupPatch(description="ír"),
)
stale = update_group.sync_detailed(
    realm, made.id, client=client, if_match=f'"{made.etag}"', body=GroupPatch(description="későn"),
)
missing = get_group_in_realm.sync(realm, f"{made.id}x", client=client)
assert isinstance(missing, Error), missing
session = get_session.sync(client=client)
print(json.dumps({
    "names": [group.name for group in page.groups],
    "next": page.next_page_token,
    "group": made.to_dict(),
    "changed": changed.to_dict(),
    "stale": int(stale.status_code),
    "missing": missing.error.status,
    "user": session.user.id,
}))
