"""checkout: sends an order a second through its sidecar."""
import http.client
import itertools
import json
import os
import time

sidecar = http.client.HTTPConnection('localhost', int(os.getenv('DAPR_HTTP_PORT', '3500')))

for i in itertools.count(1):
    order = json.dumps({'orderId': i})
    # Adding app id as part of the header
    headers = {'dapr-app-id': 'order-processor', 'content-type': 'application/json'}
    try:
        sidecar.request('POST', '/orders', order, headers)
        response = sidecar.getresponse()
        answer = response.read().decode()
        if response.status == 200:
            print('Order passed: ' + order, flush=True)
        else:
            print('Order failed: ' + order + ': ' + answer, flush=True)
    except (OSError, http.client.HTTPException) as problem:
        sidecar.close()
        print('Order failed: ' + order + ': ' + repr(problem), flush=True)
    time.sleep(1)
