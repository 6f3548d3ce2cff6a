<#
Makes a password for Veeam, wrapped by the root key: create.ps1 MONIKER
#>
$ErrorActionPreference = 'Stop'

# ---- what differs from site to site ----
$ibmKey    = 'canary-Zq4Vt8-made-up-api-key-0123456789abcd'
$guid      = '7f1c2a34-5b6d-4e8f-9a0b-1c2d3e4f5a6b'   # of the Key Protect instance
$rootKey   = '3b9e1d70-2c4a-4f6e-8d15-a6b7c8d9e0f1'
$loginUri  = 'https://private.iam.cloud.ibm.com/identity/token'
$keysUri   = 'https://private.eu-de.kms.cloud.ibm.com/api/v2/keys/'

if ($args.Count -ne 1) { Write-Output 'create.ps1 MONIKER'; exit 2 }
$moniker = $args[0]

$login = Invoke-RestMethod -Method Post -Uri $loginUri -Body @{ grant_type = 'urn:ibm:params:oauth:grant-type:apikey'; apikey = $ibmKey }
$head = @{
    'bluemix-instance' = $guid
    'content-type'     = 'application/vnd.ibm.kms.key_action_wrap+json'
    Authorization      = "Bearer $($login.access_token)"
}
$made = Invoke-RestMethod -Method Post -Uri ($keysUri + $rootKey + '/actions/wrap') -Headers $head -Body '{}'
$password = ConvertTo-SecureString $made.plaintext -AsPlainText -Force
$added = Add-VBREncryptionKey -Password $password -Description "$moniker | $($made.ciphertext)"
Write-Output "made $moniker"
