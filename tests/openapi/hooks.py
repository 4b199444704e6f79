"""Makes what schemathesis generates meet what is there, and keeps it from ending the key that it asks with."""

import itertools
import json
import os

import requests.adapters
import schemathesis
from schemathesis.core import NotSet

OWN_KEY = os.environ["OWN_KEY"]
# What exists, by collection: what tests/openapi/run has made, which stays, and what came of requests since.
LASTING = json.loads(os.environ["LASTING"])
# Parts of these, by path, or by method and path: all of its parameters.
PARTS = json.loads(os.environ["PARTS"])
# Fields that name something, or have to be there although clients may leave them out, by method and path.
FILLED = json.loads(os.environ["FILLED"])
MADE = {}
# Requests that could end what they are about.
ENDS = ("/pause", "/archive", "/rotate", "/restore", "/cancel")
ADDRESSES = (f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}" for number in itertools.count())

FLOW_FIELDS = ["chatbotConfig", "apiConfig", "analytic", "speechToText", "textToSpeech", "followUpPrompts"]
FLOW_FIELDS += ["mcpServerConfig", "apikeyid"]

# Fields whose rules no schema can say. Requests that are made to be accepted leave them out, and are held to all the rest.
NOT_FOR_SCHEMAS = {
    # A moment in the future; a workflow that is there.
    "POST /api/v1/auth/api-keys": ["expiresAt", "workflowId"],
    "PATCH /api/v1/auth/api-keys/{id}": ["expiresAt"],
    # Columns that the table has; a folder that is there.
    "POST /api/v1/tables": ["uniqueColumns", "indexedColumns", "folderId"],
    "PUT /api/v1/tables/{id}": ["uniqueColumns", "indexedColumns", "folderId"],
    # JSON as text; a value where there is a key for it; no page that lies far behind, where rows are ordered by a column.
    "GET /api/v1/tables/{id}/rows": ["filter", "matchKey", "matchValue", "offset"],
    # Operators that each take values of their kinds; the place of a page.
    "POST /api/v1/tables/{id}/rows/query": ["filter", "cursor", "offset"],
    # A connection that is there; what a setting allows.
    "POST /api/v1/workflows/{id}/run": ["connectionId", "maxExecutionTimeMs"],
    # The type is that of the connection, and a new host needs the credential.
    "PUT /api/v1/connections/{id}": ["credentials", "hosts"],
    # Those of the template.
    "POST /api/v1/templates/{id}/instantiate": ["variables"],
    # Days that follow one another, of the last 400.
    "GET /api/v1/usage": ["from", "to"],
    "GET /wireflow/api/v1/developer/usage": ["from", "to"],
    # What the graph has.
    "POST /wireflow/api/v1/apps/{slug}/execute": ["inputs", "iteratorConfigs"],
    "POST /wireflow/api/v1/workflows/{id}/run": ["inputs", "iteratorConfigs"],
    "POST /wireflow/api/v1/workflows/{id}/execute": ["inputs", "nodes", "edges", "targetNodeId", "iteratorConfigs"],
    # Lists of types and of marks, as JSON or between commas; moments; a page that there is.
    "GET /flowise/api/v1/chatmessage/{id}": ["chatType", "feedbackType", "startDate", "endDate", "page", "limit"],
    "GET /flowise/api/v1/stats/{id}": ["chatType", "feedbackType", "startDate", "endDate", "page", "limit"],
    # A page that there is.
    "GET /flowise/api/v1/apikey": ["page", "limit"],
    "GET /flowise/api/v1/chatflows": ["page", "limit"],
    # Texts of JSON; a key.
    "POST /flowise/api/v1/chatflows": FLOW_FIELDS,
    "PUT /flowise/api/v1/chatflows/{id}": FLOW_FIELDS,
    # A moment in the future.
    "POST /flowise/api/v1/apikey": ["expiresAt"],
    "PUT /flowise/api/v1/apikey/{id}": ["expiresAt"],
    # What goes with a question, of which some exclude others.
    "POST /flowise/api/v1/prediction/{id}": ["form", "overrideConfig", "history", "uploads", "humanInput", "chatId", "files"],
    # The same, and moments.
    "GET /flowise/api/v1/executions": ["agentflowId", "startDate", "endDate", "page", "limit"],
    "GET /flowise/api/v1/leads/{id}": ["page", "limit"],
    # An iteration of the step in the path.
    "POST /api/v1/runs/{id}/approvals/{stepId}": ["step"],
}


def from_another_address(_, request, **kwargs):
    """Keys that are wrong on purpose are counted by address. Not a header of the case, since it would then be tested."""
    request.headers["X-Forwarded-For"] = next(ADDRESSES)


requests.adapters.HTTPAdapter.add_headers = from_another_address


def hold_to_schemas(case):
    """Puts right what no schema can say."""
    label, body = case.operation.label, case.body
    for fields in (body, case.query):
        for name in NOT_FOR_SCHEMAS.get(label, []) if isinstance(fields, dict) else []:
            fields.pop(name, None)
    if isinstance(body, dict):
        body.update(FILLED.get(label, {}))
    if label == "POST /flowise/api/v1/prediction/{id}" and case.media_type == "multipart/form-data":
        # What a field of a form is called stands in a header, and not every text can.
        for name in set(body) - {"question", "files"}:
            del body[name]
    if label == "GET /flowise/api/v1/get-upload-file":
        case.query.update(PARTS[label])
    if label == "POST /api/v1/connections":
        # The parser of URLs knows what a host is, and a mail server is one of its connection's.
        body["hosts"] = ["mail.example.com"]
        if body["type"] == "smtp":
            body["credentials"]["host"] = "mail.example.com"
    elif label.endswith("/api/v1/tables") or label.endswith("/api/v1/tables/{id}"):
        # No two columns have one name.
        if isinstance(body, dict) and isinstance(body.get("columns"), list):
            del body["columns"][1:]
    elif label == "PUT /api/v1/tables/{id}/rows":
        # Each row has the column that `matchKey` names.
        rows = body.pop("rows", None)
        body["data"] = body.get("data", rows[0] if rows else {})
        body["data"][body["matchKey"]] = "known"
        body.pop("matchValue", None)


def collection(case):
    """`/api/v1/workflows` of `/api/v1/workflows/{id}/run`."""
    return case.path.split("/{")[0]


def whole(value):
    """JSON Schema calls 1.0 an integer; the server wants 1."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, list):
        return [whole(item) for item in value]
    if isinstance(value, dict):
        return {name: whole(item) for name, item in value.items()}
    return value


def ends(case):
    """Whether a request could end or change what it is about."""
    return case.method in ("PUT", "PATCH", "DELETE") or case.path.endswith(ENDS)


def subject(case, given):
    """An id that exists, in place of one that never did."""
    made, lasting = MADE.get(collection(case), []), LASTING.get(collection(case), [])
    if given in made or (given in lasting and not ends(case)):
        return given
    known = made if ends(case) else lasting or made
    return known[-1] if known else nobody(case)


def nobody(case):
    """An id that could be one. Those of Flowise's door are UUIDs."""
    return "0190a8f2-0000-7000-8000-000000000000" if case.path.startswith("/flowise/") else "of-nobody"


@schemathesis.hook
def before_call(context, case, kwargs):
    parameters = case.path_parameters or {}
    is_positive = case.meta is None or case.meta.generation.mode.is_positive
    if is_positive:
        # Which texts are cursors is not for a schema to say.
        (case.query or {}).pop("cursor", None)
        # The key stands in the body or in the header.
        (case.headers or {}).pop("Idempotency-Key", None)
        if isinstance(case.body, NotSet) and case.operation.label in FILLED:
            # Where the schema asks for nothing, since another method takes the same.
            case.body, case.media_type = {}, "application/json"
        if not isinstance(case.body, NotSet):
            case.body = whole(case.body)
        hold_to_schemas(case)
        if isinstance(parameters.get("id"), str):
            parameters["id"] = subject(case, parameters["id"])
        if case.method != "DELETE":
            parameters.update(PARTS.get(case.operation.label, PARTS.get(case.path, {})))
    elif ends(case) and parameters.get("id") in LASTING.get(collection(case), []):
        parameters["id"] = nobody(case)
    if isinstance(case.body, dict) and str(case.body.get("url")).startswith("http"):
        # Nobody outside is called: the address is refused.
        case.body["url"] = "http://127.0.0.1/file"
    if parameters.get("id") == OWN_KEY and case.method != "GET":
        parameters["id"] = "key_of_nobody"


@schemathesis.hook
def after_call(context, case, response):
    if case.method != "POST" or response.status_code not in (200, 201, 202):
        return
    try:
        data = json.loads(response.content)
    except ValueError:
        return
    # Flowise's door gives things as they are, with the status 200.
    if case.path.startswith("/flowise/"):
        if "{" not in case.path and isinstance(data, dict) and isinstance(data.get("id"), str):
            MADE.setdefault(case.path, []).append(data["id"])
        return
    data = data.get("data") if isinstance(data, dict) else None
    if not isinstance(data, dict):
        return
    if isinstance(data.get("runId"), str):
        MADE.setdefault("/api/v1/runs", []).append(data["runId"])
    if response.status_code == 201 and "{" not in case.path and isinstance(data.get("id"), str):
        MADE.setdefault(case.path, []).append(data["id"])
