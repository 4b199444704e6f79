"""Asks a flow with the flowise package, and writes what it hands over as one line of JSON.

    python sdk.py BASE FLOW KEY STREAMING QUESTION
"""

import json
import sys

import requests
from flowise import Flowise, PredictionData

base, flow, key, streaming, question = sys.argv[1:]
client = Flowise(base, key)
data = PredictionData(chatflowId=flow, question=question, streaming=streaming == "true")
try:
    told = list(client.create_prediction(data))
    result = {"events": [json.loads(event) for event in told]} if streaming == "true" else {"answer": told[0]}
except requests.HTTPError as error:
    result = {"thrown": str(error.response.status_code)}
print(json.dumps(result))
