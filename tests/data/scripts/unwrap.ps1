# Gets a password back: unwrap.ps1 WDEK
$ErrorActionPreference = 'Stop'

# ---- what differs from site to site ----
$ibmKey    = 'canary-Zq4Vt8-made-up-api-key-0123456789abcd'
$guid      = '7f1c2a34-5b6d-4e8f-9a0b-1c2d3e4f5a6b'   # of the Key Protect instance
$rootKey   = '3b9e1d70-2c4a-4f6e-8d15-a6b7c8d9e0f1'
$loginUri  = 'https://private.iam.cloud.ibm.com/identity/token'
$keysUri   = 'https://private.eu-de.kms.cloud.ibm.com/api/v2/keys/'

$wdek = $args[0]
$login = Invoke-RestMethod -Method Post -Uri $loginUri -Body @{ grant_type = 'urn:ibm:params:oauth:grant-type:apikey'; apikey = $ibmKey }
$head = New-Object 'System.Collections.Generic.Dictionary[string,string]'
$head.Add('bluemix-instance', $guid)
$head.Add('authorization', 'Bearer ' + $login.access_token)
$address = $keysUri + $rootKey
$answer = Invoke-RestMethod -Method Post -Uri ($address + '/actions/unwrap') -Headers $head -Body (ConvertTo-Json @{ ciphertext = $wdek })
Write-Output $answer.plaintext
