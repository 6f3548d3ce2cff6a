#!/bin/sh
# Gets a password back: unwrap.sh WDEK; the API key is in a file.
set -eu
INSTANCE=7f1c2a34-5b6d-4e8f-9a0b-1c2d3e4f5a6b
ROOT="3b9e1d70-2c4a-4f6e-8d15-a6b7c8d9e0f1" # veeam
BASE=https://private.eu-de.kms.cloud.ibm.com
TOKEN=$(curl -sf "https://private.iam.cloud.ibm.com/identity/token" --data-urlencode "apikey@$HOME/.ibm.key" \
    -d grant_type=urn:ibm:params:oauth:grant-type:apikey | jq -r .access_token)
curl -sf -X POST "$BASE/api/v2/keys/${ROOT}/actions/unwrap" -H "bluemix-instance: $INSTANCE" -H "Authorization: Bearer $TOKEN" \
    -H 'content-type: application/vnd.ibm.kms.key_action_unwrap+json' -d "{\"ciphertext\": \"$1\"}" | jq -r .plaintext
