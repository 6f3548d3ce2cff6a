# For several sites: computed.ps1 -Region eu-de -RootKey UUID
param([string] $Region = 'eu-de', [string] $RootKey)
$apikey = Get-Content "$PSScriptRoot\ibm.key" -TotalCount 1
$kmsBase = "https://private.$Region.kms.cloud.ibm.com/api/v2/keys"
$head = @{ 'bluemix-instance' = $env:KP_INSTANCE_ID; Authorization = "Bearer $token" }
Invoke-RestMethod -Method Post -Uri "$kmsBase/$RootKey/actions/wrap" -Headers $head -Body '{}'
