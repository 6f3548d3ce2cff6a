# Wraps a password anew after the root key was rotated: rewrap.ps1 MONIKER
$ErrorActionPreference = 'Stop'

# ---- what differs from site to site ----
$ibmKey    = 'canary-Zq4Vt8-made-up-api-key-0123456789abcd'
$guid      = '7f1c2a34-5b6d-4e8f-9a0b-1c2d3e4f5a6b'   # of the Key Protect instance
$rootKey   = '3b9e1d70-2c4a-4f6e-8d15-a6b7c8d9e0f1'
$loginUri  = 'https://private.iam.cloud.ibm.com/identity/token'
$keysUri   = 'https://private.eu-de.kms.cloud.ibm.com/api/v2/keys/'

$moniker = $args[0]
$key = Get-VBREncryptionKey | Where-Object { $_.Description -like "$moniker | *" } | Select-Object -First 1
if (-not $key) { Write-Output "no key $moniker"; exit 3 }
$old = $key.Description.Substring($moniker.Length + 3)

$login = Invoke-RestMethod -Method Post -Uri $loginUri -Body @{ grant_type = 'urn:ibm:params:oauth:grant-type:apikey'; apikey = $ibmKey }
$head = @{ Authorization = 'Bearer ' + $login.access_token; 'content-type' = 'application/vnd.ibm.kms.key_action_rewrap+json' }
$head['Bluemix-Instance'] = $guid
$answer = Invoke-RestMethod -Method Post -Uri "$keysUri$rootKey/actions/rewrap" -Headers $head -Body (ConvertTo-Json @{ ciphertext = $old })
Set-VBREncryptionKey -EncryptionKey $key -Description ($moniker + ' | ' + $answer.ciphertext)
